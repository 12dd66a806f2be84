let () =
  Alcotest.run "builder"
    [ ("vm_list", Test_vm_list.tests); ("plan", Test_plan.tests); ("build", Test_build.tests) ]
