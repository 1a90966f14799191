// Makes a song, fetches its audio and reads a 422 with the generated types. Usage: node client.js BASE
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });

const created = await client.POST("/v1/songs", { body: { lyrics: "[verse]\nla la", seed: 7, target_seconds: null } });
if (created.error) throw new Error(created.error.detail);

const path = { id: created.data.id };
let state: string = created.data.state;
while (state === "queued" || state === "running") {
    const job = await client.GET("/v1/songs/{id}", { params: { path } });
    if (job.error) throw new Error(job.error.detail);
    state = job.data.state;
}

const audio = await client.GET("/v1/songs/{id}/audio", { params: { path, query: { track: "mix" } }, parseAs: "arrayBuffer" });
if (audio.error) throw new Error(audio.error.detail);

const refused = await client.POST("/v1/songs", { body: { lyrics: "[verse]\nla", max_new_tokens: 1 } });
console.log(JSON.stringify({ state, bytes: audio.data.byteLength, errors: Object.keys(refused.error?.errors ?? {}) }));
