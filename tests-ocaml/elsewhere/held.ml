(* Claims 3 GiB on two nodes and prints what is held. *)

open Xenctrl_claims
open Xenctrl_claims_testing

let () =
  let xc = Model.create "4x16" in
  let vm = Building.domain_create xc in
  Building.domain_setmaxmem xc vm 4_194_304L (* KiB *);
  Xenctrl.domain_claim_memory xc vm
    [| { pages = 524_288L; target = 1l }; { pages = 262_144L; target = 3l } |];
  let print { Xenctrl.pages; target } = Printf.printf "node %ld: %Ld pages\n" target pages in
  Array.iter print (Xenctrl.domain_claim_memory_get xc vm)
