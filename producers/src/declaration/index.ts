export { parseDeclaration, shopDeclaration } from './declaration.ts';
export type { CaptureDeclaration, DeclaredTopic } from './declaration.ts';
export { declarationSetting, readDeclaration } from './setting.ts';
export { watchDeclaration } from './watch.ts';
