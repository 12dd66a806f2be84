(* What tests use of OCaml 5's [Domain], by threads: on OCaml 4 nothing runs at the same time, but everything that
   releases the runtime lock does. *)

let spawn f =
  let result = ref None in
  let run () = result := Some (match f () with value -> Ok value | exception exn -> Error exn) in
  (Thread.create run (), result)

let join (thread, result) =
  Thread.join thread;
  match !result with
  | Some (Ok value) -> value
  | Some (Error exn) -> raise exn
  | None -> failwith "a thread ended without a result"
