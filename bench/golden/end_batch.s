# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
end_batch:
	movq	%rsi, 112(%rdi)
	addq	64(%rdi), %rdx
	movq	%rdx, 120(%rdi)
	movups	40(%rdi), %xmm0
	movups	%xmm0, 128(%rdi)
	movq	56(%rdi), %rax
	movq	%rax, 144(%rdi)
	addq	%rcx, 96(%rdi)
	movq	72(%rdi), %rax
	addq	%rax, 104(%rdi)
	movq	152(%rdi), %rdx
	movzbl	212(%rdi), %ecx
	movq	%rsi, %r8
	subq	%rdx, %r8
	movq	%rcx, %r9
	negq	%r9
	movl	$4294967295, %eax
	orq	%r9, %rax
	andq	%rax, %r8
	movq	160(%rdi), %r9
	cmpq	%r9, %r8
	jb	.LBB6
	xorl	%r8d, %r8d
	cmpq	%rsi, 144(%rdi)
	sete	%r8b
	movq	128(%rdi,%r8,8), %r8
	movq	%rsi, %r10
	subq	%r8, %r10
	andq	%rax, %r10
	cmpq	%r9, %r10
	cmovaq	%rsi, %r8
	andq	%r8, %rax
	cmpq	%rax, %rdx
	je	.LBB6
	movq	184(%rdi), %rdx
	testb	%cl, %cl
	je	.LBB4
	movq	%rax, (%rdx)
	jmp	.LBB5
.LBB4:
	movl	%r8d, (%rdx)
.LBB5:
	movq	%rax, 152(%rdi)
.LBB6:
	retq
