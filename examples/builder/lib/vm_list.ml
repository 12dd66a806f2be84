type vm = { name : string; mib : int; nodes : int list }

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

let vm_of_fields fields =
  let check_field seen (field, _) =
    if not (List.mem field [ "name"; "mib"; "nodes" ]) then
      bad "unknown field %s; a VM has name, mib and, if you like, nodes" (show (`String field));
    if List.mem field seen then bad "%s is there twice" field;
    field :: seen
  in
  ignore (List.fold_left check_field [] fields);
  let required field =
    match List.assoc_opt field fields with Some json -> json | None -> bad "%s is missing" field
  in
  let name = name_of (required "name") in
  let mib = mib_of (required "mib") in
  let nodes = List.assoc_opt "nodes" fields |> Option.fold ~none:[] ~some:nodes_of in
  { name; mib; nodes }

(* The list *)

let at_entry index name f =
  let name = Option.fold ~none:"" ~some:(Printf.sprintf " (%s)") name in
  try f () with Bad reason -> bad "entry %d%s: %s" index name reason

let vm_of_entry index json =
  match json with
  | `Assoc fields ->
      let name =
        match List.assoc_opt "name" fields with
        | Some (`String name) when is_name name -> Some name
        | _ -> None
      in
      at_entry index name (fun () -> vm_of_fields fields)
  | json -> at_entry index None (fun () -> bad "%s is not an object with name and mib" (show json))

let example = {|[{"name": "web-1", "mib": 2048}]|}

let vms_of_json = function
  | `List [] -> bad "the list is empty; it has to have a VM, as in %s" example
  | `List entries when List.length entries > max_vms ->
      bad "the list has %d VMs; a host can have %d" (List.length entries) max_vms
  | `List entries ->
      let names = Hashtbl.create 64 in
      let check i json =
        let index = i + 1 in
        let vm = vm_of_entry index json in
        Hashtbl.find_opt names vm.name
        |> Option.iter (fun earlier ->
               at_entry index (Some vm.name) (fun () ->
                   bad "entry %d has that name already; give it another" earlier));
        Hashtbl.add names vm.name index;
        vm
      in
      List.mapi check entries
  | json -> bad "%s is not a list of VMs, as in %s" (show json) example

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

let parse ~source text =
  checked source @@ fun () ->
  if String.trim text = "" then bad "empty; it has to have a list of VMs, as in %s" example;
  match Yojson.Safe.from_string text with
  | json -> vms_of_json json
  | exception Yojson.Json_error message -> bad "%s" (json_error message)

let check_nodes ~source ~host nodes vms =
  let check i vm =
    let lacking node = not (List.mem node nodes) in
    List.find_opt lacking vm.nodes
    |> Option.iter (fun node ->
           at_entry (i + 1) (Some vm.name) (fun () ->
               bad "host %s has no node %d; it has %s" host node (Words.nodes nodes)))
  in
  checked source (fun () -> List.iteri check vms)

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
  Result.bind text (parse ~source)
