// Writes annotations, one JSON object a line, by GitHub's own writer of workflow commands.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const core = await import(pathToFileURL(`${process.argv[2]}/node_modules/@actions/core/lib/core.js`));
for await (const line of createInterface({ input: process.stdin })) {
  const { command, message, properties } = JSON.parse(line);
  core[command](message, properties);
}
