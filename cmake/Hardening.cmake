# Warnings and hardening that every target gets, through the interface library midge_flags.
include(CheckCCompilerFlag)
add_library(midge_flags INTERFACE)
target_compile_definitions(midge_flags INTERFACE _GNU_SOURCE MIDGE_VERSION="${PROJECT_VERSION}")
target_compile_options(midge_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
  -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wno-unused-parameter
  -fno-common -fno-strict-aliasing -fstack-protector-strong -fvisibility=hidden)
target_link_options(midge_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)

if(MIDGE_SANITIZE)
  target_compile_options(midge_flags INTERFACE -fsanitize=${MIDGE_SANITIZE} -fno-omit-frame-pointer -g)
  if(MIDGE_SANITIZE MATCHES "undefined")
    target_compile_options(midge_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
  target_link_options(midge_flags INTERFACE -fsanitize=${MIDGE_SANITIZE})
else()
  # glibc's fortified functions need optimisation and collide with the sanitizers' interceptors.
  target_compile_options(midge_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

check_c_compiler_flag(-fstack-clash-protection MIDGE_HAVE_STACK_CLASH)
if(MIDGE_HAVE_STACK_CLASH AND NOT MIDGE_SANITIZE)
  target_compile_options(midge_flags INTERFACE -fstack-clash-protection)
endif()
