"""Principals that are not API keys: a session, a Function, an instance, a pod. Each reads a key and mints a version."""

import os
from urllib.parse import urlparse

import oci
from lab import FACTS, PLAIN, holds, refused

signers = oci.auth.signers


def mints(who, signer):
    keys = oci.key_management.KmsManagementClient({}, FACTS["vault_url"], signer=signer, **PLAIN)
    holds(f"{who} reads the key", keys.get_key(FACTS["key"]).data.id == FACTS["key"])
    made = keys.create_key_version(FACTS["key"], opc_retry_token=who.replace(" ", "-"))
    holds(f"{who} mints a version", made.data.key_id == FACTS["key"])
    return keys


profile = oci.config.from_file(FACTS["session"]["config"])
with open(profile["security_token_file"]) as file:
    token = file.read()
session = signers.SecurityTokenSigner(token, oci.signer.load_private_key_from_file(profile["key_file"]))
mints("a session", session)
stolen = signers.SecurityTokenSigner(token, oci.auth.session_key_supplier.SessionKeySupplier().get_key_pair()["private"])
thief = oci.key_management.KmsManagementClient({}, FACTS["vault_url"], signer=stolen, **PLAIN)
refused("a token without its key is 401", 401, "NotAuthenticated", thief.get_key, FACTS["key"])

os.environ["OCI_RESOURCE_PRINCIPAL_VERSION"] = "2.2"
os.environ["OCI_RESOURCE_PRINCIPAL_RPST"] = FACTS["resource"]["rpst"]
os.environ["OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM"] = FACTS["resource"]["private_pem"]
os.environ["OCI_RESOURCE_PRINCIPAL_REGION"] = FACTS["resource"]["region"]
function = signers.get_resource_principals_signer()
holds("a function knows its region by the long name", function.region == FACTS["home"])
holds("its token says the tenancy and the compartment", function.tenancy_id == FACTS["tenancy"] and function.compartment_id)
mints("a function", function)

os.environ["OCI_METADATA_BASE_URL"] = FACTS["instance"]["metadata"]
instance = signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=FACTS["region"] + "/v1/x509")
holds("an instance knows its tenancy from its certificate", instance.tenancy_id == FACTS["tenancy"])
holds("and its region by the long name", instance.region == FACTS["home"])
client = mints("an instance", instance)
first = instance.api_key
instance.refresh_security_token()
holds("a refreshed token serves", client.get_key(FACTS["key"]).status == 200)
holds("and is another one", instance.api_key != first)

proxymux = urlparse(FACTS["pod"]["proxymux"])
service_account = oci.auth.rpt_path_providers.DefaultServiceAccountTokenProvider()
service_account.override_sa_token_path(FACTS["pod"]["token"])
pod = signers.OkeWorkloadIdentityResourcePrincipalSigner(
    service_account, FACTS["pod"]["ca"], proxymux.hostname, proxymux.port, region="iad"
)
holds("a pod's token is OCI's", pod.get_security_token().count(".") == 2)
mints("a pod", pod)
