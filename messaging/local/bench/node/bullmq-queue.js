// Puts jobs into BullMQ's queue: POST a list of ids. A process of its own, as an application is.
// GET tells how many workers there are.

import { createServer } from "node:http";
import { json } from "node:stream/consumers";

import { Queue } from "bullmq";

const queue = new Queue("texts", {
  connection: { url: process.env.REDIS_URL },
  defaultJobOptions: {
    attempts: 5,
    backoff: { type: "exponential", delay: 1000 },
    removeOnComplete: true,
  },
});
await queue.waitUntilReady();

const server = createServer(async (request, response) => {
  if (request.method === "GET") {
    response.end(JSON.stringify(await queue.getWorkersCount()));
    return;
  }
  const ids = await json(request);
  await queue.addBulk(ids.map((id) => ({ name: "send", data: { id } })));
  response.end();
});
server.listen(Number(process.env.PORT), "127.0.0.1");
