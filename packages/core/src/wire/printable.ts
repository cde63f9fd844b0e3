/**
 * Text of another machine, for people.
 */

/**
 * Makes text from another machine harmless to a terminal: control characters but the tab become
 * visible escapes, and so do those that change the direction of what follows.
 */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
    /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
