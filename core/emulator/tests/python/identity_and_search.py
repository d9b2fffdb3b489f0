"""What there is: compartments, regions, and what Resource Search finds, page by page."""

import oci
from lab import FACTS, holds, refused, regional, until

every = oci.pagination.list_call_get_all_results
identity = regional(oci.identity.IdentityClient)
tenancy = identity.get_tenancy(FACTS["tenancy"]).data
holds("get_tenancy names the home region", tenancy.home_region_key == "IAD")
subscriptions = identity.list_region_subscriptions(FACTS["tenancy"]).data
holds("list_region_subscriptions names both", [s.region_name for s in subscriptions] == [FACTS["home"], FACTS["away"]])
holds("one of them is home", [s.is_home_region for s in subscriptions] == [True, False])
tree = every(identity.list_compartments, FACTS["tenancy"], compartment_id_in_subtree=True, access_level="ANY", limit=1).data
holds("list_compartments pages through the subtree", [c.id for c in tree] == FACTS["compartments"])
direct = identity.list_compartments(FACTS["tenancy"]).data
holds("without the subtree only children are listed", len(direct) < len(tree))
holds("list_availability_domains lists three", len(identity.list_availability_domains(FACTS["compartment"]).data) == 3)
policies = every(identity.list_policies, FACTS["compartment"], limit=1).data
holds("list_policies pages through those of a compartment", [(p.id, p.statements) for p in policies] == [tuple(p) for p in FACTS["policies"]])
holds("a policy says where it is attached", all(p.compartment_id == FACTS["compartment"] and p.lifecycle_state == "ACTIVE" for p in policies))
holds("get_compartment reads one", identity.get_compartment(FACTS["compartment"]).data.name == "apps")

search = regional(oci.resource_search.ResourceSearchClient)
types = [t.name for t in search.list_resource_types().data]
holds("list_resource_types knows buckets and keys", "Bucket" in types and "Key" in types)


def ask(query):
    return oci.resource_search.models.StructuredSearchDetails(query=query)


tagged = "query all resources where (freeformTags.key = 'backup-encryption' && freeformTags.value = 'true')"
found = every(search.search_resources, ask(tagged), limit=2).data
holds("search_resources with limit 2 pages through all tagged buckets", sorted(r.identifier for r in found) == sorted(FACTS["tagged"]))
holds("a hit carries type, compartment and tags", all(r.resource_type == "Bucket" and r.freeform_tags["backup-encryption"] == "true" for r in found))
key = search.search_resources(ask(f"query key resources return allAdditionalFields where identifier = '{FACTS['key']}'")).data.items
holds("a key's hit names its vault", [k.additional_details["vaultId"] for k in key] == [FACTS["vault"]])
refused("a query that is none is refused", 400, "InvalidParameter", search.search_resources, ask("select * from keys"))
