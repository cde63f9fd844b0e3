export const password = 'stays here';
