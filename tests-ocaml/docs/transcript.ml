(* usage: transcript FILE [OPTIONS]

   Prints a page of documentation with what its commands print now. A block that begins with
   ```console has commands, after "$ ", and what they print; below that [N], the exit code, if it is
   not 0. A line "..." stands for any lines, so that long output can be cut.
   OPTIONS are added to each command xen-claims. *)

let preamble =
  let options = if Array.length Sys.argv > 2 then Sys.argv.(2) else "" in
  Printf.sprintf "exec 2>&1; xen-claims() { command xen-claims \"$@\" %s; }; " options

let command line =
  if String.starts_with ~prefix:"$ " line then Some (String.sub line 2 (String.length line - 2))
  else None

let run command =
  let output = Unix.open_process_args_in "/bin/bash" [| "bash"; "-c"; preamble ^ command |] in
  let text = In_channel.input_all output in
  let lines =
    match List.rev (String.split_on_char '\n' text) with
    | "" :: rest -> List.rev rest
    | all -> List.rev all
  in
  match Unix.close_process_in output with
  | WEXITED 0 -> lines
  | WEXITED code -> lines @ [ Printf.sprintf "[%d]" code ]
  | WSIGNALED signal | WSTOPPED signal -> lines @ [ Printf.sprintf "[signal %d]" signal ]

let rec fits expected found =
  match (expected, found) with
  | "..." :: expected', _ -> (
      fits expected' found || match found with _ :: found -> fits expected found | [] -> false)
  | line :: expected, line' :: found -> line = line' && fits expected found
  | [], [] -> true
  | _ -> false

let rec span p = function
  | line :: rest when p line ->
      let first, rest = span p rest in
      (line :: first, rest)
  | rest -> ([], rest)

let rec page = function
  | "```console" :: rest -> "```console" :: block rest
  | line :: rest -> line :: page rest
  | [] -> []

and block = function
  | "```" :: rest -> "```" :: page rest
  | line :: rest -> (
      match command line with
      | None -> failwith (Printf.sprintf "%S is in no command's output" line)
      | Some command ->
          let expected, rest =
            span (fun line -> line <> "```" && not (String.starts_with ~prefix:"$ " line)) rest
          in
          let found = run command in
          (line :: (if fits expected found then expected else found)) @ block rest)
  | [] -> failwith "a block has no end"

let () =
  let lines =
    In_channel.with_open_bin Sys.argv.(1) In_channel.input_all |> String.split_on_char '\n'
  in
  print_string (String.concat "\n" (page lines))
