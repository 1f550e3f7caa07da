// SPDX-License-Identifier: Apache-2.0
// Under ThreadSanitizer: what happens inside the distribution's Qt, which is not instrumented, is
// no race of ours.
#if defined(__SANITIZE_THREAD__)

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  // QtTest's watchdog thread and the wait condition it shares with main().
  return "race:QWaitCondition\nrace:libQt6Core.so\nrace:libQt6Test.so\n"
         "called_from_lib:libQt6Core.so\ncalled_from_lib:libQt6Test.so\n";
}

#endif
