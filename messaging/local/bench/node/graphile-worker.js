// graphile-worker: a job a text. Jobs are fetched and completed together, as it recommends for
// many short jobs, and it logs only what goes wrong.

import { Logger, run } from "graphile-worker";

import { CONNECTIONS, IN_FLIGHT, send } from "./texts.js";

const LOUD = new Set(["error", "warning"]);

const logger = new Logger(() => (level, message) => {
  if (LOUD.has(level)) console.error(message);
});

const runner = await run({
  preset: {
    worker: {
      connectionString: process.env.DATABASE_URL,
      maxPoolSize: CONNECTIONS,
      concurrentJobs: IN_FLIGHT,
      localQueue: { size: IN_FLIGHT + 1 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      logger,
    },
  },
  taskList: { send: ({ id }) => send(id) },
});
await runner.promise;
