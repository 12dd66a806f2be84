(* xenopsd's placement step picks NUMA nodes for a VM and gives its vCPUs an affinity to these. It can
   keep the memory there with a claim as long as it is one node; a VM that does not fit on one node
   gets no placement. Here its step for several nodes becomes a claim set. *)

open Xenctrl_claims
open Xenctrl_claims_testing

type placement =
  | Placed of { nodes : int list; populate : Claims.call list }
  | Not_placed of string  (** Nothing is claimed: build it as if there were no NUMA. *)

(* [candidate] is what the step picked: it depends on vCPUs too, and is more than a claim needs. *)
let place xc domid ~memory_mib ~candidate =
  let pages = Int64.mul 256L memory_mib in
  match Claims.claim_with_plan xc domid ~pages (Prefer candidate) with
  | Ok { claims; _ } ->
      (* From here on the memory is there, whoever else builds. *)
      let { Claims.affinity; calls } = Claims.populate_plan claims in
      Xenctrl.domain_set_node_affinity xc domid affinity;
      Placed { nodes = affinity; populate = calls }
  | Error (`Not_supported | `Outrun _) -> Not_placed "as before claim sets"
  | Error error -> Not_placed (Format.asprintf "%a" Claims.pp_error error)

let () =
  let xc =
    Model.create "epyc-nps4"
    (* 8 nodes of 32 GiB *)
  in
  let show name memory_mib candidate =
    let domid = Building.domain_create ~uuid:(Digest.string name) xc in
    Building.domain_setmaxmem xc domid (Int64.mul 1024L memory_mib);
    match place xc domid ~memory_mib ~candidate with
    | Not_placed why -> Printf.printf "%s: no placement: %s\n" name why
    | Placed { nodes; populate } ->
        Printf.printf "%s: vCPUs and memory on %s, in %d calls\n" name
          (String.concat ", " (List.map string_of_int nodes))
          (List.length populate)
  in
  show "small" 8_192L [ 1 ];
  show "large" 49_152L [ 1; 2 ];
  show "larger" 81_920L [ 4; 5 ];
  show "too large" 196_608L [ 0 ]
