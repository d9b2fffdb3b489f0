"""Who may not call, and how fast nobody may: 401 and 429."""

import oci
from lab import CONFIG, FACTS, PLAIN, holds, refused, regional

vaults = regional(oci.key_management.KmsVaultClient)
holds("the right key may call", vaults.get_vault(FACTS["vault"]).status == 200)

stolen = dict(CONFIG, key_file=FACTS["other_key_file"])
wrong = oci.key_management.KmsVaultClient(stolen, service_endpoint=FACTS["region"], **PLAIN)
refused("a wrong key is 401", 401, "NotAuthenticated", wrong.get_vault, FACTS["vault"])

keys = oci.key_management.KmsManagementClient(CONFIG, FACTS["vault_url"], **PLAIN)
statuses = []
for _ in range(FACTS["per_second"] * 3):
    try:
        statuses.append(keys.get_key(FACTS["key"]).status)
    except oci.exceptions.ServiceError as error:
        statuses.append(error.status)
        last = error
holds("too fast is 429 TooManyRequests", statuses[0] == 200 and 429 in statuses and last.code == "TooManyRequests")
patient = oci.key_management.KmsManagementClient(CONFIG, FACTS["vault_url"], retry_strategy=oci.retry.DEFAULT_RETRY_STRATEGY)
answers = [patient.get_key(FACTS["key"]).status for _ in range(FACTS["per_second"] + 1)]
holds("the SDK's own retry gets through", set(answers) == {200})
