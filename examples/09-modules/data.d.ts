/** What TypeScript is to think of such files. */
declare module '*.sql' {
  const text: string;
  export default text;
}
