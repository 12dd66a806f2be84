(* Hexadecimal, on one line. *)
let mark = "page:"
let this_program = lazy (Digest.to_hex (Digest.file Sys.executable_name))

let hex text =
  String.concat ""
    (List.map (fun c -> Printf.sprintf "%02x" (Char.code c)) (List.of_seq (String.to_seq text)))

let of_hex text =
  String.init
    (String.length text / 2)
    (fun i -> Char.chr (int_of_string ("0x" ^ String.sub text (2 * i) 2)))

let line report =
  String.concat " "
    [ mark; Lazy.force this_program; hex (Marshal.to_string (report : Report.t) []) ]
  ^ "\n"

let write line ~directory =
  match String.split_on_char ' ' line with
  | [ _; program; data ] when program = Lazy.force this_program ->
      let report : Report.t = Marshal.from_string (of_hex data) 0 in
      Page.write report ~directory
  | _ -> Error "it is of another build of this program"

let pass_on from ~directory =
  let rec go result =
    match In_channel.input_line from with
    | Some line when String.starts_with ~prefix:mark line -> go (Some (write line ~directory))
    | Some line ->
        print_endline line;
        go result
    | None -> result
  in
  go None
