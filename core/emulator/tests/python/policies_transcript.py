"""Lists the policies of one compartment, against a far end that only keeps what arrives."""

import oci
from lab import FACTS, holds, regional

identity = regional(oci.identity.IdentityClient)
try:
    oci.pagination.list_call_get_all_results(identity.list_policies, FACTS["compartment"], limit=1000)
except oci.exceptions.ServiceError as error:
    assert error.status == 404, error
holds("list_policies was sent", True)
