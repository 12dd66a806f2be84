let () =
  Alcotest.run "builder"
    [
      ("scenario", Test_scenario.tests);
      ("clock", Test_clock.tests);
      ("storm", Test_storm.tests);
      ("recovery", Test_recovery.tests);
    ]
