(* names DOMID: what xen-api calls is there, by its names, and works. The domain is new, paused, without
   memory and claims, and idle; it is given some memory. Nobody else may claim meanwhile. *)

type node_meminfo = { size : int64; free : int64; claimed : int64 }

external claim_pages_node : Xenctrl.handle -> int -> int -> int -> unit = "names_claim_pages_node"
external numa_meminfo : Xenctrl.handle -> node_meminfo array = "names_numa_meminfo"

external get_node_pages : Xenctrl.handle -> int -> Xenctrl.domain_numainfo_node_pages
  = "names_numa_get_node_pages"

external too_few_nodes : Xenctrl.handle -> int -> int = "names_too_few_nodes"

(* As an unsigned int of C. *)
let no_node = 0xffff_ffff
let passed = ref 0
let failed = ref 0

let check what test =
  match test () with
  | () ->
      incr passed;
      Printf.printf "PASS %s\n%!" what
  | exception error ->
      incr failed;
      Printf.printf "FAIL %s: %s\n%!" what (Printexc.to_string error)

let same what expected found =
  if expected <> found then
    failwith
      (Printf.sprintf "%s: expected %s, found %s" what
         (String.concat " " (List.map Int64.to_string expected))
         (String.concat " " (List.map Int64.to_string found)))

let refused errno call =
  match call () with
  | () -> failwith ("not refused with " ^ Unix.error_message errno)
  | exception Unix.Unix_error (found, _, _) when found = errno -> ()

let pages_of bytes = Int64.to_int bytes / 4096

let () =
  let domid = int_of_string Sys.argv.(1) in
  let xc = Xenctrl.interface_open () in
  let claimed () = Array.to_list (Array.map (fun node -> node.claimed) (numa_meminfo xc)) in
  let pages () = Array.to_list (get_node_pages xc domid).tot_pages_per_node in
  let nodes = Array.length (numa_meminfo xc) in
  let on node amount = List.init nodes (fun n -> if n = node then amount else 0L) in
  let freest =
    let best = ref 0 in
    Array.iteri
      (fun n node ->
        if node.size >= 0L && node.free > (numa_meminfo xc).(!best).free then best := n)
      (numa_meminfo xc);
    !best
  in
  let cancel () = claim_pages_node xc domid no_node 0 in

  check "each node's size, free and claimed memory" (fun () ->
      if nodes = 0 then failwith "there is no node";
      numa_meminfo xc
      |> Array.iter (fun { size; free; claimed } ->
             if size >= 0L && not (size >= free && free >= claimed && claimed >= 0L) then
               failwith (Printf.sprintf "%Ld, %Ld, %Ld" size free claimed)));
  check "a claim on a node" (fun () ->
      let before = claimed () in
      claim_pages_node xc domid freest 1024;
      same "claimed" (List.map2 Int64.add before (on freest 0x40_0000L)) (claimed ());
      same "of the domain" [ 1024L ]
        (Xenctrl.domain_claim_memory_get xc domid
        |> Array.to_list
        |> List.map (fun (claim : Xenctrl.claim) -> claim.pages));
      refused Unix.EINVAL (fun () -> claim_pages_node xc domid freest 2048);
      cancel ();
      same "claimed" before (claimed ()));
  check "a claim on the host" (fun () ->
      let before = claimed () in
      claim_pages_node xc domid no_node 1024;
      same "claimed on nodes" before (claimed ());
      refused Unix.EINVAL (fun () -> claim_pages_node xc domid freest 2048);
      cancel ());
  check "a node that can't be named, and one that is not there" (fun () ->
      refused Unix.ERANGE (fun () -> claim_pages_node xc domid 255 1024);
      refused Unix.ERANGE (fun () -> claim_pages_node xc domid 0x1_0000 1024);
      refused Unix.ENOENT (fun () -> claim_pages_node xc domid nodes 1024);
      refused Unix.ENOENT (fun () -> claim_pages_node xc domid 254 1024));
  check "more than a node has" (fun () ->
      let free = pages_of (numa_meminfo xc).(freest).free in
      Xenctrl.domain_setmaxmem xc domid (Int64.of_int (8 * free));
      refused Unix.ENOMEM (fun () -> claim_pages_node xc domid freest (free + 1000));
      refused Unix.EINVAL (fun () -> claim_pages_node xc domid freest (4 * free)));
  check "where a domain's memory is" (fun () ->
      same "pages" (on freest 0L) (pages ());
      claim_pages_node xc domid freest 1024;
      Xenctrl.domain_memory_increase_reservation xc domid 4096L;
      same "pages" (on freest 1024L) (pages ());
      same "claims" []
        (Array.to_list
           (Array.map
              (fun (c : Xenctrl.claim) -> c.pages)
              (Xenctrl.domain_claim_memory_get xc domid)));
      (* What it has counts. *)
      refused Unix.EINVAL (fun () -> claim_pages_node xc domid freest 1024));
  check "room for fewer nodes, and a domain that is not there" (fun () ->
      if too_few_nodes xc domid <> nodes then failwith "another number of nodes";
      match get_node_pages xc 0x7fef with
      | _ -> failwith "pages of no domain"
      | exception Xenctrl.Error _ -> ());
  Printf.printf "%d passed, %d failed\n" !passed !failed;
  exit (if !failed = 0 then 0 else 1)
