(* Claims over the binding of the Xen tree, which has XENMEM's and the domctl's part. What nodes have is another
   call, which the caller names: xen-api's own stubs have it, as Xenctrlext.numa_get_meminfo. *)

open Claim_sets

(* Its errors are text that begins with errno. *)
let errnos : (int * Unix.error) list =
  [
    (1, EPERM);
    (2, ENOENT);
    (3, ESRCH);
    (7, E2BIG);
    (12, ENOMEM);
    (13, EACCES);
    (22, EINVAL);
    (38, ENOSYS);
    (95, EOPNOTSUPP);
  ]

let call name f =
  try f ()
  with Xenctrl.Error text ->
    let errno = try Scanf.sscanf text "%d:" Fun.id with _ -> raise (Xenctrl.Error text) in
    let error = try List.assoc errno errnos with Not_found -> EUNKNOWNERR errno in
    raise (Unix.Unix_error (error, name, text))

module Make (Nodes : sig
  val memory : Xenctrl.handle -> Claims.node_memory list
  val distances : Xenctrl.handle -> int array array
end) =
Claims.Make (struct
  type handle = Xenctrl.handle

  let to_xenctrl ({ pages; target } : Claims.claim) : Xenctrl.claim = { pages; target }
  let of_xenctrl ({ pages; target } : Xenctrl.claim) : Claims.claim = { pages; target }

  let set h domid claims =
    call "domain_claim_memory" (fun () ->
        Xenctrl.domain_claim_memory h domid (Array.map to_xenctrl claims))

  let get h domid =
    call "domain_claim_memory_get" (fun () ->
        Array.map of_xenctrl (Xenctrl.domain_claim_memory_get h domid))

  let node_memory h = call "numa_meminfo" (fun () -> Nodes.memory h)
  let node_distances h = call "numainfo" (fun () -> Nodes.distances h)

  let domains h =
    let domain (d : Xenctrl.domaininfo) : Claims.domain =
      {
        domid = d.domid;
        total_pages = Int64.of_nativeint d.total_memory_pages;
        max_pages = Int64.of_nativeint d.max_memory_pages;
      }
    in
    call "domain_getinfolist" (fun () -> List.map domain (Xenctrl.domain_getinfolist h 0))

  (* What all domains claim, one by one: this binding's physinfo does not say. *)
  let host_memory h : Claims.host_memory =
    let claimed (d : Claims.domain) =
      match get h d.domid with
      | claims -> Array.fold_left (fun n (c : Claims.claim) -> Int64.add n c.pages) 0L claims
      | exception Unix.Unix_error (ESRCH, _, _) -> 0L
    in
    let outstanding_pages = List.fold_left (fun n d -> Int64.add n (claimed d)) 0L (domains h) in
    let free_pages = call "physinfo" (fun () -> (Xenctrl.physinfo h).free_pages) in
    { free_pages = Int64.of_nativeint free_pages; outstanding_pages }
end)
