type vm = { name : string; pages : int64; nodes : int list; at : float }

type t = {
  name : string;
  about : string;
  host : string;
  builders : int;
  running : vm list;
  vms : vm list;
}

let max_builders = 64
let pages_per_mib = 256L
let max_mib = 0xFFFF_FFFF / 256
let max_node = 63

(* Each has a domain id, 1..32751. *)
let max_vms = 0x7FEF
let max_name = 64

(* Far more than any host has VMs. Reading /dev/zero has to end. *)
let max_bytes = 4 * 1024 * 1024

exception Bad of string

let bad fmt = Printf.ksprintf (fun message -> raise (Bad message)) fmt

(* Errors are one line of readable length, whatever was in the input. *)

let shorten text =
  let rec cut n = if Char.code text.[n] land 0xC0 = 0x80 then cut (n - 1) else n in
  if String.length text <= 60 then text else String.sub text 0 (cut 57) ^ "..."

let show json = Words.one_line (shorten (Yojson.Safe.to_string json))

(* Fields *)

let is_name name =
  let ok = function 'a' .. 'z' | 'A' .. 'Z' | '0' .. '9' | '-' | '_' | '.' -> true | _ -> false in
  name <> "" && String.length name <= max_name && String.for_all ok name

let name_of = function
  | `String name when is_name name -> name
  | json ->
      bad "name is %s, not a string of 1..%d letters, digits, '-', '_' and '.'" (show json) max_name

let mib_of = function
  | `Int mib when 1 <= mib && mib <= max_mib -> mib
  | json -> bad "mib is %s, not a whole number in 1..%d" (show json) max_mib

let node_of = function
  | `Int node when 0 <= node && node <= max_node -> node
  | json -> bad "nodes has %s, not a node id in 0..%d" (show json) max_node

let nodes_of = function
  | `List nodes ->
      let add nodes json =
        let node = node_of json in
        if List.mem node nodes then bad "nodes has %d twice" node;
        node :: nodes
      in
      List.rev (List.fold_left add [] nodes)
  | json -> bad "nodes is %s, not a list of node ids" (show json)

let seconds_of field = function
  | `Int s when s >= 0 -> float_of_int s
  | `Float s when s >= 0. && s < infinity -> s
  | json -> bad "%s is %s, not a number of seconds" field (show json)

(* [what] has only [known] fields, each once. *)
let check_fields what known fields =
  let check seen (field, _) =
    if not (List.mem field known) then bad "unknown field %s; %s" (show (`String field)) what;
    if List.mem field seen then bad "%s is there twice" field;
    field :: seen
  in
  ignore (List.fold_left check [] fields)

let required fields field =
  match List.assoc_opt field fields with Some json -> json | None -> bad "%s is missing" field

let optional fields field ~default f =
  Option.fold ~none:default ~some:f (List.assoc_opt field fields)

(* When a VM of a list does something, and when if that is not said. *)
type event = { field : string; otherwise : float }

let arrives = { field = "arrives"; otherwise = 0. }
let leaves = { field = "leaves"; otherwise = infinity }

let vm_of_fields event fields =
  let what = Printf.sprintf "a VM has name, mib and, if you like, nodes and %s" event.field in
  check_fields what [ "name"; "mib"; "nodes"; event.field ] fields;
  let name = name_of (required fields "name") in
  let mib = mib_of (required fields "mib") in
  let nodes = optional fields "nodes" ~default:[] nodes_of in
  let at = optional fields event.field ~default:event.otherwise (seconds_of event.field) in
  { name; pages = Int64.mul pages_per_mib (Int64.of_int mib); nodes; at }

(* The lists *)

let at_entry list index name f =
  let name = Option.fold ~none:"" ~some:(Printf.sprintf " (%s)") name in
  try f () with Bad reason -> bad "%s, entry %d%s: %s" list index name reason

let vm_of_entry list event index json =
  match json with
  | `Assoc fields ->
      let name =
        match List.assoc_opt "name" fields with
        | Some (`String name) when is_name name -> Some name
        | _ -> None
      in
      at_entry list index name (fun () -> vm_of_fields event fields)
  | json ->
      at_entry list index None (fun () -> bad "%s is not an object with name and mib" (show json))

let vms_of list event ~names = function
  | `List entries when List.length entries > max_vms ->
      bad "%s has %d VMs; a host can have %d" list (List.length entries) max_vms
  | `List entries ->
      let check i json =
        let vm = vm_of_entry list event (i + 1) json in
        if Hashtbl.mem names vm.name then
          at_entry list (i + 1) (Some vm.name) (fun () ->
              bad "there is one of that name already; give it another");
        Hashtbl.add names vm.name ();
        vm
      in
      List.mapi check entries
  | json -> bad "%s is %s, not a list of VMs" list (show json)

(* The scenario *)

let string_of field = function
  | `String text -> Words.one_line text
  | json -> bad "%s is %s, not a string" field (show json)

let builders_of = function
  | `Int n when 1 <= n && n <= max_builders -> n
  | json -> bad "builders is %s, not a whole number in 1..%d" (show json) max_builders

let example = {|{"host": "2x4", "vms": [{"name": "web-1", "mib": 2048}]}|}
let fields = [ "about"; "host"; "builders"; "running"; "vms" ]

let of_json ~name = function
  | `Assoc given ->
      check_fields ("a scenario has " ^ String.concat ", " fields) fields given;
      let names = Hashtbl.create 64 in
      let vms = vms_of "vms" arrives ~names (required given "vms") in
      if vms = [] then bad "vms is empty; it has to have a VM, as in %s" example;
      {
        name;
        about = optional given "about" ~default:"" (string_of "about");
        host = string_of "host" (required given "host");
        builders = optional given "builders" ~default:8 builders_of;
        running = optional given "running" ~default:[] (vms_of "running" leaves ~names);
        vms;
      }
  | json -> bad "%s is not a scenario, as in %s" (show json) example

(* Yojson says "Line 3, bytes 4-10:\nInvalid token 'x'", or a reason alone. *)
let json_error message =
  let at line first reason =
    Printf.sprintf "line %d, column %d: %s" line (max 1 (first + 1)) reason
  in
  let message =
    try Scanf.sscanf message "Line %d, bytes %d-%_d:\n%s@\000" at
    with Scanf.Scan_failure _ | Failure _ | End_of_file -> message
  in
  "not JSON: " ^ Words.one_line message

let checked source f =
  match f () with value -> Ok value | exception Bad reason -> Error (source ^ ": " ^ reason)

let parse_as name ~source text =
  checked source @@ fun () ->
  if String.trim text = "" then bad "empty; it has to have a scenario, as in %s" example;
  match Yojson.Safe.from_string text with
  | json -> of_json ~name json
  | exception Yojson.Json_error message -> bad "%s" (json_error message)

let parse ~source text = parse_as "scenario" ~source text

let check_nodes ~source ~host nodes t =
  let check list i (vm : vm) =
    let lacking node = not (List.mem node nodes) in
    List.find_opt lacking vm.nodes
    |> Option.iter (fun node ->
           at_entry list (i + 1) (Some vm.name) (fun () ->
               bad "host %s has no node %d; it has %s" host node (Words.nodes nodes)))
  in
  checked source (fun () ->
      List.iteri (check "running") t.running;
      List.iteri (check "vms") t.vms)

(* Other hosts *)

let wanted t = List.fold_left (fun sum (vm : vm) -> Int64.add sum vm.pages) 0L t.vms
let extent = 512.

let fit t ~nodes ~factor =
  let node id = List.nth nodes (id mod List.length nodes) in
  let fit_vm (vm : vm) =
    let extents = Float.max 1. (Float.round (Int64.to_float vm.pages *. factor /. extent)) in
    let nodes = List.sort_uniq Int.compare (List.map node vm.nodes) in
    { vm with pages = Int64.of_float (extents *. extent); nodes }
  in
  { t with running = List.map fit_vm t.running; vms = List.map fit_vm t.vms }

(* Files *)

let source = function "-" -> "standard input" | "" -> "''" | path -> Words.one_line path

let read_all fd =
  let chunk = Bytes.create 65536 in
  let text = Buffer.create 65536 in
  let rec go () =
    if Buffer.length text > max_bytes then bad "too long; a list has at most %d bytes" max_bytes;
    match Unix.read fd chunk 0 (Bytes.length chunk) with
    | 0 -> Buffer.contents text
    | n ->
        Buffer.add_subbytes text chunk 0 n;
        go ()
  in
  go ()

let read path =
  let source = source path in
  let read_path () =
    if path = "-" then read_all Unix.stdin
    else
      let fd = Unix.openfile path [ O_RDONLY; O_CLOEXEC ] 0 in
      Fun.protect ~finally:(fun () -> Unix.close fd) (fun () -> read_all fd)
  in
  let text =
    checked source @@ fun () ->
    try read_path ()
    with Unix.Unix_error (error, _, _) -> bad "cannot be read: %s" (Unix.error_message error)
  in
  let name = if path = "-" then "scenario" else Filename.(remove_extension (basename path)) in
  Result.bind text (parse_as name ~source)
