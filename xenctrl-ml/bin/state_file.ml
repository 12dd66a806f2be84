open Xenctrl_claims
open Xenctrl_claims_testing

exception Bad of string

let bad fmt = Printf.ksprintf (fun message -> raise (Bad message)) fmt
let show json = Yojson.Safe.to_string json

(* Reading *)

let pages what = function
  | `String text -> (
      match Size.of_string text with Ok pages -> pages | Error reason -> bad "%s: %s" what reason)
  | json -> bad "%s: %s is no string with a size, as \"2G\"" what (show json)

let yes what = function
  | `Bool yes -> yes
  | json -> bad "%s: %s is not true or false" what (show json)

let claims what : Yojson.Safe.t -> Xenctrl.claim list = function
  | `Assoc fields ->
      let claim (target, size) =
        let size = Size.to_string (pages what size) in
        match Claim_set.claim_of_string (target ^ "=" ^ size) with
        | Ok claim -> claim
        | Error reason -> bad "%s: %s" what reason
      in
      let claims = List.map claim fields in
      Option.iter (bad "%s: %s" what) (Claim_set.fault claims);
      claims
  | json -> bad "%s: %s is no object of targets and sizes, as {\"0\": \"2G\"}" what (show json)

(* The fields of an object that has no others than the known ones. *)
let fields what known = function
  | `Assoc fields ->
      let unknown (name, _) = not (List.mem name known) in
      let complain (name, _) =
        bad "%s: unknown field '%s'; there are %s" what name (String.concat ", " known)
      in
      Option.iter complain (List.find_opt unknown fields);
      fields
  | json -> bad "%s: %s is no object" what (show json)

let field what fields name read default =
  Option.fold ~none:default ~some:(read (what ^ ": " ^ name)) (List.assoc_opt name fields)

(* Making *)

(* A domain's pages are counted in 32 bits (1.14). *)
let most_pages = 0xFFFF_FFFFL
let sum = List.fold_left (fun n (c : Xenctrl.claim) -> Int64.add n c.pages) 0L

let populate xc domid ({ pages; target } : Xenctrl.claim) =
  let rec give order left =
    let extents = Int64.to_int (Int64.shift_right left order) in
    let given = Building.domain_populate xc domid ~order ~extents (Exact (Int32.to_int target)) in
    if given < extents then
      bad "domain %d: node %ld has no %s for it" domid target (Size.to_string pages);
    let left = Int64.sub left (Int64.shift_left (Int64.of_int given) order) in
    if order > 0 then give (order - 9) left
  in
  give 18 pages

let domain xc index json =
  let what = Printf.sprintf "domain %d" (index + 1) in
  let given = fields what [ "max"; "memory"; "claims"; "started" ] json in
  let memory = field what given "memory" claims [] in
  let set = field what given "claims" claims [] in
  let max = field what given "max" pages (Int64.add (sum memory) (sum set)) in
  let started = field what given "started" yes false in
  if List.exists (fun (c : Xenctrl.claim) -> c.target < 0l) memory then
    bad "%s: memory: it is on nodes, not on the host" what;
  if Int64.unsigned_compare max most_pages > 0 then
    bad "%s: a domain may have less than 16T, memory and claims together" what;
  if Int64.compare (sum memory) max > 0 then
    bad "%s: memory of %s is more than its max, %s" what
      (Size.to_string (sum memory))
      (Size.to_string max);
  let domid = Building.domain_create xc in
  Building.domain_setmaxmem xc domid (Int64.mul 4L max);
  List.iter (populate xc domid) memory;
  (if set <> [] then
     match Claims.install xc domid (Array.of_list set) with
     | Ok () -> ()
     | Error error -> bad "%s: %s" what (Refusal.reason error));
  if started then Building.domain_unpause xc domid

let domains xc what = function
  | `List domains -> List.iteri (domain xc) domains
  | json -> bad "%s: %s is no list" what (show json)

let load xc path =
  let describe json =
    let given = fields "the file" [ "domains"; "claim_sets" ] json in
    field "the file" given "domains" (domains xc) ();
    if not (field "the file" given "claim_sets" yes true) then Model.inject xc (Refuse EOPNOTSUPP)
  in
  let one_line = String.map (fun c -> if c = '\n' then ' ' else c) in
  match describe (Yojson.Safe.from_file path) with
  | () -> Ok ()
  | exception Bad reason -> Error (path ^ ": " ^ reason)
  | exception Invalid_argument reason -> Error (path ^ ": " ^ reason)
  | exception Sys_error reason ->
      Error (if String.starts_with ~prefix:path reason then reason else path ^ ": " ^ reason)
  | exception Yojson.Json_error reason -> Error (path ^ ": not JSON: " ^ one_line reason)
  | exception Unix.Unix_error (error, call, _) ->
      Error (Printf.sprintf "%s: %s: %s" path call (Unix.error_message error))

let manual =
  [
    `P
      "With $(b,--host), every command works on a hypervisor inside of this program instead of on \
       Xen. It begins empty, or as the $(b,--state) file says, and ends with the command: what a \
       command changes, the next does not see. The file has a JSON object:";
    `Pre
      {|{ "domains": [
    { "memory": { "0": "2G" }, "claims": { "1": "2G", "host": "512M" } },
    { "max": "8G", "memory": { "1": "4G" }, "started": true } ] }|};
    `P
      "The domains get the ids 1, 2 and so on. Each has $(i,memory) on nodes, $(i,claims), a \
       $(i,max) that it may have (by default the sum of both), and is paused unless it was \
       $(i,started); all of that is optional. With \"claim_sets\": false, the host is a Xen \
       without claim sets.";
  ]
