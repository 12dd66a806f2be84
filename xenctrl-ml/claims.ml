include Claim_sets.Claims

module Xen = struct
  type handle = Xenctrl.handle

  let set = Xenctrl.domain_claim_memory
  let get = Xenctrl.domain_claim_memory_get
  let node_memory = Xenctrl.node_memory
  let node_distances = Xenctrl.node_distances
  let host_memory = Xenctrl.host_memory

  let domain ({ domid; total_pages; max_pages; _ } : Xenctrl.domain_info) : domain =
    { domid; total_pages; max_pages }

  let domains h = List.map domain (Xenctrl.domain_list h)
end

include Make (Xen)
