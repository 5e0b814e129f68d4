/**
 * `npm start`: checks the prerequisites, installs and builds what is missing, then hands over to `millrace up`.
 * Further arguments go to it: `npm start -- --no-demo`.
 */
import { build, root, start } from './children.mjs';
import { installDependencies, requirePrerequisites } from './prerequisites.mjs';

requirePrerequisites();
installDependencies(root);
build();
process.exitCode = await start(['--enable-source-maps', 'cli/dist/main.js', 'up', ...process.argv.slice(2)]).ended;
