// Makes the calls it is given through the official TypeScript SDK. Only endpoints are set. `{name}` in a request
// stands for what an earlier answer said under that name.
const fs = require("node:fs");
const { ConfigFileAuthenticationDetailsProvider, NoRetryConfigurationDetails } = require("oci-common");

const { config, rows } = JSON.parse(process.argv[2]);
const authenticationDetailsProvider = new ConfigFileAuthenticationDetailsProvider(config, "DEFAULT");

const plain = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

// The first text under this name, however it is spelled, anywhere inside.
function find(value, name) {
  if (value === null || typeof value !== "object") return undefined;
  for (const [key, inner] of Object.entries(value)) if (plain(key) === name && typeof inner === "string") return inner;
  for (const inner of Object.values(value)) {
    const found = find(inner, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function main() {
  const clients = new Map();
  const kept = {};
  for (const { operation, call, request, endpoint, keep } of rows) {
    const [module, kind, method] = call.split(".");
    const place = `${module}.${kind}@${endpoint}`;
    if (!clients.has(place)) {
      const Kind = require(module)[kind];
      const made = new Kind({ authenticationDetailsProvider }, { retryConfiguration: NoRetryConfigurationDetails });
      made.endpoint = endpoint;
      clients.set(place, made);
    }
    let text = JSON.stringify(request);
    for (const [name, value] of Object.entries(kept)) text = text.replaceAll(`{${name}}`, value);
    let answer;
    try {
      answer = await clients.get(place)[method](JSON.parse(text));
    } catch (error) {
      throw new Error(`${operation}: ${call}(${text}): ${error.statusCode} ${error.serviceCode} ${error.message}`);
    }
    console.log(`ok: ${operation}`);
    for (const name of keep) {
      kept[name] = find(answer, plain(name));
      if (!kept[name]) throw new Error(`${operation}: the answer has no ${name}: ${JSON.stringify(answer)}`);
    }
  }
}

main().then(
  // Clients keep connections open, and some of them timers.
  () => process.exit(0),
  (error) => {
    fs.writeSync(2, `${error.stack}\n`);
    process.exit(1);
  },
);
