// Checks docs/openapi.yaml by Redocly's recommended rules: openapi_lint.mjs DOCUMENT. NODE_MODULES
// has the packages of package.json. Nothing is asked of the network.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.NODE_MODULES, 'redocly.js'));
const { createConfig, lint } = require('@redocly/openapi-core');

const config = await createConfig({ extends: ['recommended'] });
const problems = await lint({ ref: process.argv[2], config });
for (const { severity, ruleId, message, location } of problems)
    console.error(`${severity}: ${location[0].pointer}: ${message} (${ruleId})`);
console.log(`${process.argv[2]}: ${problems.length} findings`);
process.exit(problems.length > 0 ? 1 : 0);
