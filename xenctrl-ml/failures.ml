(* What primitives return, as what OCaml programs expect. *)

exception Panic of string

let unix_error errno : Unix.error =
  Option.value (List.assoc_opt errno Errnos.all) ~default:(Unix.EUNKNOWNERR errno)

let errno : Unix.error -> int option = function
  | EUNKNOWNERR errno -> Some errno
  | error -> List.find_opt (fun (_, known) -> known = error) Errnos.all |> Option.map fst

let invalid within name message = invalid_arg (Printf.sprintf "%s.%s: %s" within name message)

let fail within name subject : Primitives.failure -> 'a = function
  | Refused errno -> raise (Unix.Unix_error (unix_error errno, name, subject))
  | Invalid message -> invalid within name message
  | Closed -> invalid within name "the handle is closed"
  | Panicked message -> raise (Panic message)

let domain domid = "domid " ^ string_of_int domid

(* The subject is put into words only where somebody reads it. *)

let done_or_fail within name domid = function
  | None -> ()
  | Some failure -> fail within name (domain domid) failure

let get_of_domain_or_fail within name domid = function
  | Ok value -> value
  | Error failure -> fail within name (domain domid) failure

let get_or_fail within name = function
  | Ok value -> value
  | Error failure -> fail within name "" failure
