// Takes a client program's steps one after another and prints one line of JSON for each.

import { readFileSync } from "node:fs";

export const TEXT = "darkroom/echo-text";
export const FILE = "darkroom/echo";
export const PROMPT = "one two\n\nthree";
export const LONG_MS = 60_000;
export const TERMINAL = new Set(["succeeded", "failed", "canceled"]);
export const UNREACHABLE = "http://127.0.0.1:9/x.png";

// Where the server, the receiver of webhooks and the faulty proxy are, without /v1.
const [url, key, receiver, proxy, picture] = process.argv.slice(2);
const data = readFileSync(picture);
const place = {
  url,
  key,
  receiver,
  proxy,
  data,
  dataUrl: `data:image/png;base64,${data.toString("base64")}`,
};

export async function tell(...steps) {
  for (const step of steps) {
    let facts;
    try {
      facts = await step(place);
    } catch (error) {
      facts = { raised: error.stack ?? String(error) };
    }
    console.log(JSON.stringify({ step: step.name, ...facts }));
  }
}

// What *call* throws; it must throw.
export async function thrown(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("this should have been refused");
}

export const bytes = async (stream) => Buffer.from(await new Response(stream).arrayBuffer());
