# The same externals, of the archive that has the embedded hypervisor and builds domains.
s/^type (claim|node_memory|host_memory|placement) = /type \1 = Claim_sets.Claims.\1 = /
s/^type (failure|domain_info) = /type \1 = Xenctrl_claims.Private.Primitives.\1 = /
s/"xen_claims_/"xen_claims_testing_/
