(* Properties of all claim sets, hosts and histories, against a naive reading of the contract. *)

open Xenctrl_claims
open Xenctrl_claims_testing
open Test_support
open Values
module Gen = QCheck2.Gen

let show claims = Format.asprintf "%a" (Alcotest.pp Check.claims) claims

(* Hosts *)

type host = { nodes : int; gib : int }

let host_name { nodes; gib } = Printf.sprintf "%dx%d" nodes gib

let gen_host =
  let open Gen in
  let* nodes = oneof [ int_range 1 8; return 64 ] in
  let+ gib = int_range 1 4 in
  { nodes; gib }

let node_size { gib; _ } = Int64.mul (Int64.of_int gib) Values.gib
let host_size h = Int64.mul (Int64.of_int h.nodes) (node_size h)

(* 0, 1, all, or anything between. *)
let gen_pages most =
  let random = Gen.map (fun k -> Int64.of_int k) (Gen.int_bound (Int64.to_int most)) in
  Gen.oneof [ Gen.return 0L; Gen.return (min 1L most); Gen.return most; random ]

(* A set that an empty host can hold, in any order. *)
let gen_fitting host =
  let open Gen in
  let* count = int_range 1 host.nodes in
  let* nodes = shuffle_l (List.init host.nodes Fun.id) in
  let nodes = List.filteri (fun i _ -> i < count) nodes in
  let* pages = flatten_l (List.map (fun _ -> gen_pages (node_size host)) nodes) in
  let* with_host = bool in
  let left = Int64.sub (host_size host) (sum pages) in
  let* host_pages = gen_pages left in
  let on_nodes = List.map2 Values.node nodes pages in
  let claims = if with_host then Values.host host_pages :: on_nodes else on_nodes in
  map Array.of_list (shuffle_l claims)

(* Arrays that are valid, or nearly: interesting numbers at every place. *)
let gen_any_claims =
  let open Gen in
  let odd_target = oneofl [ -2l; 64l; 65l; 255l; 0x4000_0000l; Int32.min_int; Int32.max_int ] in
  let target = frequency [ (20, map Int32.of_int (int_range (-1) 63)); (1, odd_target) ] in
  let odd_pages = oneofl [ -1L; Int64.min_int; Int64.max_int; 0x4000_0000_0000_0000L; -5L ] in
  let pages = frequency [ (20, map Int64.of_int (int_bound 1000)); (1, odd_pages) ] in
  let few =
    list_size (int_bound 6) (map2 (fun pages target -> { Xenctrl.pages; target }) pages target)
  in
  let many =
    let* targets = shuffle_l (List.init 65 (fun i -> i - 1)) in
    let* extra = list_size (int_bound 2) target in
    let* cut = int_range 0 3 in
    let targets = List.map Int32.of_int targets @ extra in
    let targets = List.filteri (fun i _ -> i >= cut) targets in
    flatten_l
      (List.map
         (fun target ->
           map
             (fun pages -> { Xenctrl.pages; target })
             (frequency [ (200, return 1L); (1, odd_pages) ]))
         targets)
  in
  map Array.of_list (frequency [ (4, few); (1, many) ])

let fail = QCheck2.Test.fail_reportf
let show_outcome = Format.asprintf "%a" (Alcotest.pp (Check.outcome Alcotest.unit))

(* Properties *)

let set_get_identity =
  let gen =
    Gen.(gen_host >>= fun host -> pair (return host) (pair (gen_fitting host) (gen_fitting host)))
  in
  let print (host, (a, b)) = Printf.sprintf "%s: %s, then %s" (host_name host) (show a) (show b) in
  QCheck2.Test.make ~name:"SET then GET is the identity" ~count:500 ~print gen
    (fun (host, (a, b)) ->
      let h = Model.create (host_name host) in
      let d = new_domain h in
      List.for_all
        (fun claims ->
          Xenctrl.domain_claim_memory h d claims;
          Xenctrl.domain_claim_memory_get h d = normal claims)
        [ a; b ])

(* An invalid set is Invalid_argument, whose message has the place; any other is not. *)
let judged_as_the_contract_says =
  QCheck2.Test.make ~name:"invalid exactly when 1.13 says so" ~count:3_000 ~print:show
    gen_any_claims (fun claims ->
      let h = Model.create "64x1" in
      let d = new_domain h in
      let list = Array.to_list claims in
      let place =
        match Oracle.first_bad list with
        | _ when Array.length claims > 65 -> Printf.sprintf "%d claims" (Array.length claims)
        | None -> "an empty claim set"
        | Some i -> Printf.sprintf "claim %d " i
      in
      match (Oracle.valid list, outcome (fun () -> Xenctrl.domain_claim_memory h d claims)) with
      | true, (Returned () | Refused ((ENOMEM | EINVAL), "domain_claim_memory", "domid 1")) -> true
      | false, Invalid message ->
          String.starts_with ~prefix:("Xenctrl.domain_claim_memory: " ^ place) message
          || fail "%s, but expected %s" message place
      | _, found -> fail "%s" (show_outcome found))

(* On a host where much is claimed and used already. *)
let refusals_change_nothing =
  let gen = Gen.(gen_host >>= fun host -> triple (return host) (gen_fitting host) gen_any_claims) in
  let print (host, a, b) = Printf.sprintf "%s: %s, then %s" (host_name host) (show a) (show b) in
  QCheck2.Test.make ~name:"what is refused or invalid changes nothing" ~count:1_000 ~print gen
    (fun (host, first, second) ->
      let h = Model.create (host_name host) in
      let d = new_domain h and e = new_domain ~max_pages:2_000L h in
      Xenctrl.domain_claim_memory h d first;
      ignore (Building.domain_populate h e ~order:3 ~extents:20 Any);
      ignore (outcome (fun () -> Xenctrl.domain_claim_memory h e [| Values.host 100L |]));
      let before = snapshot h in
      match outcome (fun () -> Xenctrl.domain_claim_memory h e second) with
      | Returned () -> Xenctrl.domain_claim_memory_get h e = normal second
      | _ -> snapshot h = before)

(* Histories *)

type step =
  | Create of int64  (** with that maximum *)
  | Destroy of int
  | Raise_max of int * int64
  | Set of int * Xenctrl.claim array
  | Legacy of int * int64
  | Populate of int * int * int * Building.placement
  | Affinity of int * int list

let show_step = function
  | Create max -> Printf.sprintf "create, max %Ld" max
  | Destroy d -> Printf.sprintf "destroy %d" d
  | Raise_max (d, pages) -> Printf.sprintf "raise the maximum of %d by %Ld" d pages
  | Set (d, claims) -> Printf.sprintf "set %d %s" d (show claims)
  | Legacy (d, pages) -> Printf.sprintf "legacy %d %Ld" d pages
  | Populate (d, order, extents, placement) ->
      let placement =
        match placement with
        | Any -> "any"
        | Prefer n -> Printf.sprintf "prefer %d" n
        | Exact n -> Printf.sprintf "exact %d" n
      in
      Printf.sprintf "populate %d %d x 2^%d %s" d extents order placement
  | Affinity (d, nodes) ->
      Printf.sprintf "affinity %d {%s}" d (String.concat " " (List.map string_of_int nodes))

(* Nodes of 1 GiB and sizes near it, so that hosts fill up; domains are the k-th that exist. *)
let gen_step nodes =
  let open Gen in
  let size = oneof [ int_bound 1000; int_bound 300_000 ] >|= Int64.of_int in
  let domain = int_bound 5 in
  let any_node =
    int_bound nodes
    (* one that the host lacks, too *)
  in
  let claims =
    let* targets = shuffle_l (List.init (nodes + 2) (fun i -> i - 1)) in
    let* count = int_range 1 (nodes + 1) in
    let targets = List.filteri (fun i _ -> i < count) targets in
    let one target = size >|= fun pages -> { Xenctrl.pages; target = Int32.of_int target } in
    flatten_l (List.map one targets) >|= Array.of_list
  in
  let placement =
    oneof
      [
        return Building.Any;
        map (fun n -> Building.Prefer n) any_node;
        map (fun n -> Building.Exact n) any_node;
      ]
  in
  let populate =
    let* order = oneofl [ 0; 0; 3; 9; 9; 16; 18 ] in
    map3 (fun d extents p -> Populate (d, order, extents, p)) domain (int_bound 300) placement
  in
  frequency
    [
      (2, map (fun max -> Create max) (oneof [ size; return unlimited; return unlimited ]));
      (1, map (fun d -> Destroy d) domain);
      (1, map2 (fun d pages -> Raise_max (d, pages)) domain size);
      (6, map2 (fun d claims -> Set (d, claims)) domain claims);
      (2, map2 (fun d pages -> Legacy (d, pages)) domain (oneof [ return 0L; size ]));
      (6, populate);
      (1, map2 (fun d list -> Affinity (d, list)) domain (list_size (int_bound 3) any_node));
    ]

let gen_history =
  let open Gen in
  let* nodes = int_range 1 6 in
  pair (return nodes) (list_size (int_range 1 40) (gen_step nodes))

let expect what condition = if not condition then fail "%s" what
let info (s : snapshot) d = List.find (fun i -> i.Xenctrl.domid = d) s.domains

(* One step, and what can be said of it from the counts before. *)
let run h (s : snapshot) step =
  let with_domain k f =
    match List.nth_opt s.domains k with None -> () | Some { domid; _ } -> f domid
  in
  let same what = expect (what ^ " changed something") (snapshot h = s) in
  match step with
  | Create max_pages -> ignore (new_domain ~max_pages h)
  | Destroy k ->
      with_domain k @@ fun d ->
      Building.domain_destroy h d;
      let freed (m : Xenctrl.host_memory) = m.free_pages in
      let expected = Int64.add (freed s.memory) (info s d).total_pages in
      expect "all its memory is free" (freed (Xenctrl.host_memory h) = expected)
  | Raise_max (k, by) ->
      with_domain k @@ fun d ->
      let pages = min unlimited (Int64.add (info s d).max_pages by) in
      Building.domain_setmaxmem h d (Int64.mul 4L pages)
  | Set (k, claims) -> (
      with_domain k @@ fun d ->
      let found = outcome (fun () -> Xenctrl.domain_claim_memory h d claims) in
      match (Oracle.refusal s d claims, found) with
      | None, Returned () ->
          expect "GET is what was set" (Xenctrl.domain_claim_memory_get h d = normal claims)
      | Some error, Refused (found, _, _) when found = error -> same "a refused SET"
      | expected, found ->
          fail "expected %s, found %s"
            (Option.fold ~none:"success" ~some:Unix.error_message expected)
            (show_outcome found))
  | Legacy (k, pages) -> (
      with_domain k @@ fun d ->
      let { Xenctrl.total_pages; max_pages; claimed_pages; _ } = info s d in
      let unclaimed = Int64.sub s.memory.free_pages s.memory.outstanding_pages in
      let claim = Int64.sub pages total_pages in
      let expected : Unix.error option =
        if pages = 0L then None
        else if claimed_pages > 0L || claim <= 0L || pages > max_pages then Some EINVAL
        else if claim > unclaimed then Some ENOMEM
        else None
      in
      match (expected, outcome (fun () -> Xenctrl.domain_claim_pages h d pages)) with
      | None, Returned () ->
          let now = if pages = 0L then [||] else [| Values.host claim |] in
          expect "GET is the difference" (Xenctrl.domain_claim_memory_get h d = now)
      | Some error, Refused (found, _, _) when found = error -> same "a refused claim"
      | _, found -> fail "%s" (show_outcome found))
  | Populate (k, order, extents, placement) ->
      with_domain k @@ fun d ->
      let given = Building.domain_populate h d ~order ~extents placement in
      let before = info s d and after = domain_info h d in
      let pages = Int64.of_int (given lsl order) in
      expect "not more than asked for" (0 <= given && given <= extents);
      expect "it has them" (after.total_pages = Int64.add before.total_pages pages);
      let left = max 0L (Int64.sub before.claimed_pages pages) in
      (* An extent that the domain could not take used up claims, too: 1.9. *)
      expect "they redeem claims"
        (if given = extents then after.claimed_pages = left else after.claimed_pages <= left)
  | Affinity (k, nodes) ->
      with_domain k @@ fun d ->
      let online = List.map (fun m -> m.Xenctrl.node) s.nodes in
      let expected = List.exists (fun n -> List.mem n online) nodes in
      let found = outcome (fun () -> Xenctrl.domain_set_node_affinity h d nodes) in
      expect "works if one is online" (expected = (found = Returned ()));
      same "an affinity"

let invariants_hold =
  let print (nodes, steps) =
    String.concat "\n  " (Printf.sprintf "%dx1" nodes :: List.map show_step steps)
  in
  QCheck2.Test.make ~name:"any history keeps I1, I2, I3" ~count:1_000 ~print gen_history
    (fun (nodes, steps) ->
      let h = open_host ~nodes () in
      List.iter
        (fun step ->
          run h (snapshot h) step;
          match Oracle.invariants (snapshot h) with
          | [] -> ()
          | broken -> fail "after %s:\n%s" (show_step step) (String.concat "\n" broken))
        steps;
      let domains = Xenctrl.domain_list h in
      List.iter (fun d -> Building.domain_destroy h d.Xenctrl.domid) domains;
      let { Xenctrl.free_pages; outstanding_pages } = Xenctrl.host_memory h in
      free_pages = Int64.mul (Int64.of_int nodes) gib && outstanding_pages = 0L)

let () =
  let property = QCheck_alcotest.to_alcotest in
  Alcotest.run "properties"
    [
      ( "claim sets",
        [
          property set_get_identity;
          property judged_as_the_contract_says;
          property refusals_change_nothing;
        ] );
      ("histories", [ property invariants_hold ]);
    ]
