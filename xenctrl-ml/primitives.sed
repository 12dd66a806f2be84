# The externals that ocaml-stubs/src says, but for those of tests, with the types that the libraries share.
/^\(\* file: testing\.rs/,$d
s/^type (claim|node_memory|host_memory|placement) = /type \1 = Claim_sets.Claims.\1 = /
