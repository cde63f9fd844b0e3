export const stage: string = 'test';
