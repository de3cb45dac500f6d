// What both workers do for a text: read its row, send it to Twilio, mark it as sent.
//
// Statements are prepared by their names, connections to Postgres and Twilio are kept, and no
// client of Twilio's own stands between: a form, a POST, an answer in JSON.

import pg from "pg";
import { Pool } from "undici";

/** Jobs under way at once, and requests to Twilio. */
export const IN_FLIGHT = Number(process.env.IN_FLIGHT);
/** Connections to Postgres; a statement takes far less time than a request. */
export const CONNECTIONS = 20;

const {
  DATABASE_URL,
  TWILIO_ACCOUNT_SID: account,
  TWILIO_API_BASE_URL,
  TWILIO_AUTH_TOKEN: token,
  TWILIO_MESSAGING_SERVICE_SID: service,
} = process.env;

const database = new pg.Pool({ connectionString: DATABASE_URL, max: CONNECTIONS });
const twilio = new Pool(TWILIO_API_BASE_URL, { connections: IN_FLIGHT });
const path = `/2010-04-01/Accounts/${account}/Messages.json`;
const headers = {
  authorization: `Basic ${Buffer.from(`${account}:${token}`).toString("base64")}`,
  "content-type": "application/x-www-form-urlencoded",
};

/** Sends one text, unless it is sent already, and marks its row. */
export async function send(id) {
  const { rows } = await database.query({
    name: "read",
    text: "select phone, body from texts where id = $1 and status <> 'sent'",
    values: [id],
  });
  if (rows.length === 0) return;
  const sid = await create(rows[0]);
  await database.query({
    name: "mark",
    text: "update texts set status = 'sent', sid = $2, sent_at = clock_timestamp() where id = $1",
    values: [id, sid],
  });
}

async function create({ phone, body }) {
  const form = new URLSearchParams({ To: phone, Body: body, MessagingServiceSid: service });
  const answer = await twilio.request({ method: "POST", path, headers, body: form.toString() });
  const message = await answer.body.json();
  if (answer.statusCode !== 201) throw new Error(`Twilio answered ${answer.statusCode}.`);
  return message.sid;
}
