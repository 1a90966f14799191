// Makes a song with the tools of the MCP server and reads the errors of a rejected request. Usage: node agent.js BASE
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

interface Result {
    isError?: boolean;
    structuredContent: { id: string; state: string; audio: string; errors?: object };
}

const agent = new Client({ name: "yue-test", version: "1.0.0" });
await agent.connect(new StreamableHTTPClientTransport(new URL("/mcp", process.argv[2])));
const call = async (name: string, args: object) => (await agent.callTool({ name, arguments: { ...args } })) as unknown as Result;

const { tools } = await agent.listTools();
let job = (await call("make_song", { lyrics: "[verse]\nla la" })).structuredContent;
while (job.state === "queued" || job.state === "running") {
    job = (await call("get_song", { id: job.id })).structuredContent;
}

const audio = await fetch((await call("song_links", { id: job.id })).structuredContent.audio);
const bytes = (await audio.arrayBuffer()).byteLength;
const refused = await call("make_song", { lyrics: "[verse]\nla", max_new_tokens: 1 });
const errors = refused.isError ? Object.keys(refused.structuredContent.errors ?? {}) : [];
console.log(JSON.stringify({ tools: tools.length, state: job.state, bytes, errors }));
await agent.close();
