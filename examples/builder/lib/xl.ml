open Xenctrl_claims
open Xenctrl_claims_testing

type tools = string
type guest = { name : string; mib : int; lines : string list }
type ended = { status : int; said : string; seconds : float }

let here = "/xl"
let before = if Sys.file_exists "/before/bin/xl" then Some "/before" else None
let killed = 128
let consoles = "/var/log/xen/console"

let start_daemons () =
  if Sys.command "start-xl-daemons" <> 0 then failwith "the daemons that xl needs do not start"

let uuid { name; _ } = Digest.string name

let domain xc guest =
  let is_it (info : Xenctrl.domain_info) = info.uuid = uuid guest in
  List.find_opt is_it (Xenctrl.domain_list xc)

(* The daemons' libraries are in /lib, where those of the other set are not. *)
let environment tools =
  let of_it = [ "LD_LIBRARY_PATH="; "LIBXL_SAVE_HELPER=" ] in
  let other line = not (List.exists (fun prefix -> String.starts_with ~prefix line) of_it) in
  let kept = List.filter other (Array.to_list (Unix.environment ())) in
  Array.of_list
    (("LD_LIBRARY_PATH=" ^ tools ^ "/lib:/lib")
    :: ("LIBXL_SAVE_HELPER=" ^ tools ^ "/bin/libxl-save-helper")
    :: kept)

let spawn tools arguments out =
  let nothing = Unix.openfile "/dev/null" [ O_RDONLY; O_CLOEXEC ] 0 in
  let program = tools ^ "/bin/xl" in
  let args = Array.of_list (program :: arguments) in
  let pid = Unix.create_process_env program args (environment tools) nothing out out in
  List.iter Unix.close [ out; nothing ];
  pid

let rec status_of pid =
  match Unix.waitpid [] pid with
  | exception Unix.Unix_error (EINTR, _, _) -> status_of pid
  | _, WEXITED status -> status
  | _, (WSIGNALED _ | WSTOPPED _) -> killed

let start tools arguments =
  let file = Filename.temp_file "xl" ".out" in
  let out = Unix.openfile file [ O_WRONLY; O_CLOEXEC ] 0 in
  let began = Unix.gettimeofday () in
  let pid = spawn tools arguments out in
  let ended () =
    let status = status_of pid in
    let seconds = Unix.gettimeofday () -. began in
    let said = In_channel.with_open_bin file In_channel.input_all in
    Sys.remove file;
    { status; said; seconds }
  in
  (pid, ended)

let run tools arguments = snd (start tools arguments) ()

let run_heard tools arguments ~heard =
  let from, out = Unix.pipe ~cloexec:true () in
  let began = Unix.gettimeofday () in
  let pid = spawn tools arguments out in
  let lines = Unix.in_channel_of_descr from in
  let rec listen said =
    match In_channel.input_line lines with
    | None -> String.concat "\n" (List.rev said)
    | Some line ->
        heard line;
        listen (line :: said)
  in
  let said = Fun.protect ~finally:(fun () -> In_channel.close lines) (fun () -> listen []) in
  let status = status_of pid in
  { status; said; seconds = Unix.gettimeofday () -. began }

let uuid_text guest =
  let hex = Digest.to_hex (uuid guest) in
  let part from length = String.sub hex from length in
  String.concat "-" [ part 0 8; part 8 4; part 12 4; part 16 4; part 20 12 ]

(* One that was migrated had another name while it was received, and so has its console. *)
let logs guest =
  let log name = Filename.concat consoles ("guest-" ^ name ^ ".log") in
  [ log guest.name; log (guest.name ^ "--incoming") ]

let create guest =
  let file = Filename.concat (Filename.get_temp_dir_name ()) (guest.name ^ ".cfg") in
  let has key = List.exists (fun line -> String.starts_with ~prefix:key line) guest.lines in
  let default key value = if has key then [] else [ key ^ " = " ^ value ] in
  let config =
    [
      Printf.sprintf "name = %S" guest.name;
      Printf.sprintf "uuid = %S" (uuid_text guest);
      Printf.sprintf "memory = %d" guest.mib;
      {|kernel = "/guest/vmlinuz"|};
      {|ramdisk = "/guest/initramfs"|};
    ]
    @ default "type" {|"pv"|} @ default "vcpus" "1"
    @ default "cmdline" {|"console=hvc0 quiet"|}
    @ guest.lines
  in
  Out_channel.with_open_bin file (fun out ->
      List.iter (fun line -> output_string out (line ^ "\n")) config);
  (* Options after the file, or before it, but not on both sides: xl ends with its usage then. *)
  [ "create"; file; "-q" ]

let first_error { status; said; _ } =
  let lines = List.map String.trim (String.split_on_char '\n' said) in
  let contains word text =
    match Str.search_forward (Str.regexp_string word) text 0 with
    | _ -> true
    | exception Not_found -> false
  in
  (* xc: error: panic: xg_dom_boot.c:118: what; libxl: error: libxl_dom.c:755:function: what *)
  let place = Str.regexp ".*error: \\(panic: \\)?\\([a-z0-9_]+\\.c:[0-9]+:[a-z0-9_]*:? *\\)?" in
  if status = killed then "xl was killed"
  else
    match (List.find_opt (contains "error") lines, List.filter (( <> ) "") lines) with
    | Some line, _ -> Str.replace_first place "" line
    | None, line :: _ -> line
    | None, [] -> Printf.sprintf "xl ended with status %d" status

let on_console guest words =
  let words = Str.regexp_string words in
  let in_log log =
    match In_channel.with_open_bin log In_channel.input_all with
    | exception Sys_error _ -> 0
    | text ->
        let rec count n from =
          match Str.search_forward words text from with
          | at -> count (n + 1) (at + 1)
          | exception Not_found -> n
        in
        count 0 0
  in
  List.fold_left (fun sum log -> sum + in_log log) 0 (logs guest)

let said_up guest = on_console guest "xen-claims: the guest is up" > 0
let ticks guest = on_console guest "xen-claims: the guest goes on"

let rec wait_until_gone xc guest =
  if domain xc guest <> None then (
    Unix.sleepf 0.1;
    wait_until_gone xc guest)

let destroy xc tools guest =
  (match domain xc guest with
  | None -> ()
  | Some { domid; _ } ->
      let ended = run tools [ "destroy"; string_of_int domid ] in
      (* libxl may not know of what a killed xl left. *)
      (if ended.status <> 0 then
         try Building.domain_destroy xc domid with Unix.Unix_error (ESRCH, _, _) -> ());
      wait_until_gone xc guest);
  (* What it said is not said by the next of its name. *)
  List.iter (fun log -> try Sys.remove log with Sys_error _ -> ()) (logs guest)

(* Without a shell to connect by, xl takes the host for the command. *)
let migrate tools guest =
  run tools [ "migrate"; "-s"; ""; guest.name; "exec " ^ tools ^ "/bin/xl migrate-receive" ]

(* [0], [0-1,3]; a word where there is no affinity. *)
let nodes text =
  let range part =
    match List.map int_of_string_opt (String.split_on_char '-' part) with
    | [ Some node ] -> Some [ node ]
    | [ Some first; Some last ] -> Some (List.init (last - first + 1) (( + ) first))
    | _ -> None
  in
  let add all part =
    match (all, range part) with Some all, Some nodes -> Some (all @ nodes) | _ -> None
  in
  List.fold_left add (Some []) (String.split_on_char ',' text)

let placement tools =
  let line text =
    match List.filter (( <> ) "") (String.split_on_char ' ' text) with
    | name :: _id :: _mem :: _vcpus :: _state :: _time :: affinity :: _ ->
        Some (name, nodes affinity)
    | _ -> None
  in
  match String.split_on_char '\n' (run tools [ "list"; "-n" ]).said with
  | _ :: lines -> List.filter_map line lines
  | [] -> []
