/*
 * The floor of every local call: two processes pass 100 bytes to and fro over a socketpair.
 *
 * Reads lines `call N`, answers each with the seconds of a round trip, the median of N. Each process
 * has a core of its own, where there are two; `call-one-core N` puts both on one. Otherwise chance,
 * and what else runs, would decide which of the two very different times is measured.
 */

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES 100

static int take(int fd, char *bytes) {
  for (int at = 0; at < MESSAGE_BYTES;) {
    ssize_t count = read(fd, bytes + at, MESSAGE_BYTES - at);
    if (count <= 0) return 0;
    at += count;
  }
  return 1;
}

static int give(int fd, const char *bytes) {
  return write(fd, bytes, MESSAGE_BYTES) == MESSAGE_BYTES;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* Moves a process, or with 0 this one, to the allowed core of that number, if there are so many. */
static void pin(pid_t process, int number) {
#ifdef __linux__
  static cpu_set_t allowed;
  cpu_set_t one;
  if (CPU_COUNT(&allowed) == 0) sched_getaffinity(0, sizeof allowed, &allowed);
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed) || number-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    sched_setaffinity(process, sizeof one, &one);
    return;
  }
#endif
}

static int by_size(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return (difference > 0) - (difference < 0);
}

int main(void) {
  int ends[2];
  char bytes[MESSAGE_BYTES] = {0};
  char command[20];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  pid_t echo = fork();
  if (echo == 0) {
    close(ends[0]);
    while (take(ends[1], bytes) && give(ends[1], bytes)) {
    }
    return 0;
  }
  close(ends[1]);
  pin(0, 0);
  for (long rounds; scanf("%19s %ld", command, &rounds) == 2;) {
    pin(echo, strcmp(command, "call") == 0 ? 1 : 0);
    double *taken = malloc(rounds * sizeof *taken);
    for (long i = 0; i < rounds; i++) {
      double start = now();
      if (!give(ends[0], bytes) || !take(ends[0], bytes)) return 1;
      taken[i] = now() - start;
    }
    qsort(taken, rounds, sizeof *taken, by_size);
    printf("%.9f\n", taken[rounds / 2]);
    fflush(stdout);
    free(taken);
  }
  return 0;
}
