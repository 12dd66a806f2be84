(* As much of Alcotest as our tests use, where that can't be had: OCaml libraries of Debian are compiled for its
   own OCaml, and what Alcotest is made of comes without its source. *)

exception Failed of string
exception Skipped

let fail text = raise (Failed text)
let failf fmt = Format.kasprintf fail fmt
let skip () = raise Skipped

type 'a testable = { pp : Format.formatter -> 'a -> unit; equal : 'a -> 'a -> bool }

let testable pp equal = { pp; equal }
let pp t = t.pp
let equal t = t.equal
let plain print = testable (fun ppf value -> Format.pp_print_string ppf (print value)) ( = )
let unit = plain (fun () -> "()")
let int = plain string_of_int
let int64 = plain Int64.to_string
let bool = plain string_of_bool
let string = plain (Printf.sprintf "%S")

let float epsilon =
  testable Format.pp_print_float (fun a b -> a = b || Float.abs (a -. b) <= epsilon)

let list t =
  let separator ppf () = Format.fprintf ppf "; " in
  let pp ppf = Format.fprintf ppf "[%a]" (Format.pp_print_list ~pp_sep:separator t.pp) in
  testable pp (fun a b -> List.compare_lengths a b = 0 && List.for_all2 t.equal a b)

let array t =
  let { pp; equal } = list t in
  testable
    (fun ppf a -> pp ppf (Array.to_list a))
    (fun a b -> equal (Array.to_list a) (Array.to_list b))

let option t =
  testable
    (fun ppf -> function
      | None -> Format.fprintf ppf "None" | Some value -> Format.fprintf ppf "Some %a" t.pp value)
    (Option.equal t.equal)

let result ok error =
  testable
    (fun ppf -> function
      | Ok value -> Format.fprintf ppf "Ok %a" ok.pp value
      | Error value -> Format.fprintf ppf "Error %a" error.pp value)
    (Result.equal ~ok:ok.equal ~error:error.equal)

let pair a b =
  testable
    (fun ppf (x, y) -> Format.fprintf ppf "(%a, %a)" a.pp x b.pp y)
    (fun (x, y) (x', y') -> a.equal x x' && b.equal y y')

let triple a b c =
  testable
    (fun ppf (x, y, z) -> Format.fprintf ppf "(%a, %a, %a)" a.pp x b.pp y c.pp z)
    (fun (x, y, z) (x', y', z') -> a.equal x x' && b.equal y y' && c.equal z z')

let check t name expected found =
  if not (t.equal expected found) then
    failf "%s: expected %a, found %a" name t.pp expected t.pp found

let check_raises name expected f =
  match f () with
  | () -> failf "%s: expected %s, nothing was raised" name (Printexc.to_string expected)
  | exception found when found = expected -> ()
  | exception found ->
      failf "%s: expected %s, found %s" name (Printexc.to_string expected)
        (Printexc.to_string found)

type speed_level = [ `Quick | `Slow ]
type 'a test_case = string * speed_level * ('a -> unit)

let test_case name speed f : _ test_case = (name, speed, f)

let run suite tests =
  let counts = [| 0; 0; 0 |] in
  let test group (name, _, f) =
    let verdict, kind =
      match f () with
      | () -> ("PASS", 0)
      | exception Skipped -> ("SKIP", 2)
      | exception exn ->
          let why = match exn with Failed why -> why | exn -> Printexc.to_string exn in
          ("FAIL: " ^ why, 1)
    in
    counts.(kind) <- counts.(kind) + 1;
    Printf.printf "%s: %s: %s: %s\n%!" suite group name verdict
  in
  List.iter (fun (group, cases) -> List.iter (test group) cases) tests;
  Printf.printf "%d passed, %d failed, %d skipped\n%!" counts.(0) counts.(1) counts.(2);
  if counts.(1) > 0 || counts.(0) + counts.(2) = 0 then exit 1
