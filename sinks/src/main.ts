import { runService } from '@millrace/kernel/lifecycle';
import { buildSinks } from './build.ts';
import { sinksSettings } from './config.ts';

await runService({ name: 'sinks', settings: sinksSettings, build: buildSinks });
