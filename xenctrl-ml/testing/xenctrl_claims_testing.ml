(** Claim sets without Xen, and domains to claim for: what a toolstack's tests link, and a toolstack
    does not. *)

module Model = Model
module Building = Building
