# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
arm_rust:
	movl	$4294967295, %ecx
	movq	80(%rdi), %rdx
	movzbl	148(%rdi), %esi
	movq	%rsi, %rax
	negq	%rax
	orq	%rcx, %rax
	andq	%rdx, %rax
	cmpq	%rax, 96(%rdi)
	je	.LBB5
	movq	120(%rdi), %r8
	testb	%sil, %sil
	je	.LBB3
	movq	%rax, (%r8)
	jmp	.LBB4
.LBB3:
	movl	%edx, (%r8)
.LBB4:
	movq	%rax, 96(%rdi)
.LBB5:
	lock		orl	$0, -64(%rsp)
	cmpq	$4, (%rdi)
	jne	.LBB11
	movq	80(%rdi), %rdx
	cmpq	$0, 88(%rdi)
	je	.LBB12
	movl	144(%rdi), %ecx
.LBB8:
	addq	$-8, %rcx
	andq	%rdx, %rcx
	movq	136(%rdi), %rax
	movl	(%rax,%rcx), %edx
	#MEMBARRIER
	movb	$1, %cl
	testl	%edx, %edx
	js	.LBB15
	movl	%edx, %eax
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	cmpq	%rax, 88(%rdi)
	jb	.LBB14
	shlq	$32, %rdx
	orq	$2, %rdx
	movq	%rdx, %rax
	cmpl	$2, %eax
	setne	%al
	andb	%cl, %al
	retq
.LBB11:
	xorl	%eax, %eax
	retq
.LBB12:
	movq	128(%rdi), %rax
	cmpb	$1, 148(%rdi)
	jne	.LBB18
	movq	(%rax), %rax
	movq	$-1, %rcx
	#MEMBARRIER
	testb	$7, %al
	jne	.LBB14
	jmp	.LBB19
.LBB15:
	movl	$1, %eax
	cmpl	$2, %eax
	setne	%al
	andb	%cl, %al
	retq
.LBB18:
	movl	(%rax), %eax
	#MEMBARRIER
	testb	$7, %al
	jne	.LBB14
.LBB19:
	movq	%rax, %rsi
	subq	%rdx, %rsi
	andq	%rcx, %rsi
	movl	144(%rdi), %ecx
	cmpq	%rcx, %rsi
	jbe	.LBB21
.LBB14:
	xorl	%ecx, %ecx
	cmpl	$2, %eax
	setne	%al
	andb	%cl, %al
	retq
.LBB21:
	movq	%rsi, 88(%rdi)
	testq	%rsi, %rsi
	jne	.LBB8
	movb	$1, %cl
	xorl	%eax, %eax
	cmpl	$2, %eax
	setne	%al
	andb	%cl, %al
	retq
