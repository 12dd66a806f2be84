(* Two libraries in Rust in one program: each panics and catches that, and does its work then. *)

open Xenctrl_claims
open Xenctrl_claims_testing

external other_round : int -> int = "other_round" [@@noalloc]

let () =
  let xc = Model.create "2x16" in
  let vm = Building.domain_create xc in
  Building.domain_setmaxmem xc vm 4096L (* KiB *);
  let claim pages = Xenctrl.domain_claim_memory xc vm [| { pages; target = 0l } |] in
  Model.inject xc Panic;
  (try claim 3L with Xenctrl.Panic _ -> print_endline "caught ours");
  if other_round 42 = 42 then print_endline "caught theirs";
  claim 7L;
  Array.iter
    (fun { Xenctrl.pages; _ } -> Printf.printf "%Ld pages\n" pages)
    (Xenctrl.domain_claim_memory_get xc vm)
