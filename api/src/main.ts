import { runService } from '@millrace/kernel/lifecycle';
import { apiService } from './app/service.ts';
import { apiSettings } from './settings.ts';

await runService({
  name: 'api',
  settings: { ...apiSettings, healthPort: apiSettings.port },
  healthServer: false,
  build: apiService,
});
