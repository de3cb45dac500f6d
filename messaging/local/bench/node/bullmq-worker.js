// BullMQ's worker: a job a text.

import { Worker } from "bullmq";

import { IN_FLIGHT, send } from "./texts.js";

const worker = new Worker("texts", (job) => send(job.data.id), {
  connection: { url: process.env.REDIS_URL },
  concurrency: IN_FLIGHT,
});
worker.on("error", (error) => console.error(error));
worker.on("failed", (job, error) => console.error(error));
