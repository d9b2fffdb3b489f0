// Vaults, keys, versions and objects through the official TypeScript SDK, which signs x-date and writes
// header names in mixed case. Only endpoints are set.
const assert = require("node:assert/strict");
const { ConfigFileAuthenticationDetailsProvider, NoRetryConfigurationDetails } = require("oci-common");
const { KmsVaultClient, KmsManagementClient } = require("oci-keymanagement");
const { ObjectStorageClient } = require("oci-objectstorage");

const facts = JSON.parse(process.argv[2]);
const authenticationDetailsProvider = new ConfigFileAuthenticationDetailsProvider(facts.config, "DEFAULT");

function client(Kind, endpoint) {
  const made = new Kind({ authenticationDetailsProvider }, { retryConfiguration: NoRetryConfigurationDetails });
  made.endpoint = endpoint;
  return made;
}

function holds(sentence, condition) {
  assert.ok(condition, sentence);
  console.log(`ok: ${sentence}`);
}

async function refused(sentence, status, code, call) {
  await assert.rejects(call, (error) => error.statusCode === status && error.serviceCode === code && Boolean(error.opcRequestId));
  console.log(`ok: ${sentence}`);
}

async function main() {
  const vaults = client(KmsVaultClient, facts.region);
  const { items } = await vaults.listVaults({ compartmentId: facts.compartment });
  holds("listVaults lists the vault", items.some((vault) => vault.id === facts.vault));
  const { vault } = await vaults.getVault({ vaultId: facts.vault });
  holds("getVault names its endpoint", vault.managementEndpoint.startsWith("http://127.0.0.1:") && vault.isPrimary);

  const keys = client(KmsManagementClient, vault.managementEndpoint);
  const mint = () => keys.createKeyVersion({ keyId: facts.key, opcRetryToken: "ts-1" });
  const [first, second] = [await mint(), await mint()];
  holds("createKeyVersion twice with one retry token makes one version", first.keyVersion.id === second.keyVersion.id);
  const { key, etag } = await keys.getKey({ keyId: facts.key });
  holds("getKey has dates and an etag", !Number.isNaN(Date.parse(key.timeCreated)) && etag);
  const tags = (value, ifMatch) => keys.updateKey({ keyId: facts.key, updateKeyDetails: { freeformTags: { value } }, ifMatch });
  holds("updateKey with ifMatch sets tags", (await tags("one", etag)).key.freeformTags.value === "one");
  await refused("updateKey with a stale etag is refused", 412, "NoEtagMatch", () => tags("two", etag));

  const storage = client(ObjectStorageClient, facts.region);
  const { value: namespaceName } = await storage.getNamespace({});
  const at = { namespaceName, bucketName: facts.bucket, objectName: "audit/1 ü.json" };
  const put = () => storage.putObject({ ...at, putObjectBody: "{}", contentLength: 2, ifNoneMatch: "*" });
  holds("putObject creates", (await put()).eTag);
  await refused("a second creation is refused", 412, "IfNoneMatchFailed", put);
  const { opcWorkRequestId } = await storage.reencryptBucket({ namespaceName, bucketName: facts.bucket });
  const { workRequest, retryAfter } = await storage.getWorkRequest({ workRequestId: opcWorkRequestId });
  holds("reencryptBucket can be followed", workRequest.status !== "COMPLETED" && retryAfter >= 0);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
