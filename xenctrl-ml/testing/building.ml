type placement = Claim_sets.Claims.placement = Any | Prefer of int | Exact of int

let done_or_fail name = Failures.done_or_fail "Building" name
let interface_open () = Xenctrl_claims.Xenctrl.handle (Connect.open_xen ())
let no_uuid = String.make 16 '\000'

let domain_create ?(uuid = no_uuid) handle =
  Primitives.xen_claims_create (Raw.of_handle "domain_create" handle) uuid
  |> Failures.get_or_fail "Building" "domain_create"

let domain_setmaxmem handle domid kib =
  if Int64.compare kib 0L < 0 then
    Failures.invalid "Building" "domain_setmaxmem" (Printf.sprintf "%Ld KiB is negative" kib);
  let pages = Int64.div kib 4L in
  Primitives.xen_claims_set_max_pages (Raw.of_handle "domain_setmaxmem" handle) domid pages
  |> done_or_fail "domain_setmaxmem" domid

let domain_populate handle domid ~order ~extents placement =
  Primitives.xen_claims_populate
    (Raw.of_handle "domain_populate" handle)
    domid { order; extents; placement }
  |> Failures.get_of_domain_or_fail "Building" "domain_populate" domid

module Domain_memory = struct
  type t = Primitives.domain_memory = { domid : int; node : int; pages : int64 }
end

let domain_memory handle =
  Primitives.xen_claims_domain_memory (Raw.of_handle "domain_memory" handle)
  |> Failures.get_or_fail "Building" "domain_memory"

let domain_unpause handle domid =
  Primitives.xen_claims_unpause (Raw.of_handle "domain_unpause" handle) domid
  |> done_or_fail "domain_unpause" domid

let domain_destroy handle domid =
  Primitives.xen_claims_destroy (Raw.of_handle "domain_destroy" handle) domid
  |> done_or_fail "domain_destroy" domid
