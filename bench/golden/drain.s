# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
drain_rust:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	subq	$56, %rsp
	movq	%rdi, %rbx
	movq	80(%rdi), %r15
	movq	88(%rdi), %rax
	movq	%rax, 32(%rdi)
	movq	$0, 40(%rdi)
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, 48(%rdi)
	movl	144(%rdi), %r13d
	addq	$-8, %r13
	xorl	%r14d, %r14d
	movq	on_sample@GOTPCREL(%rip), %rbp
	xorl	%ecx, %ecx
	jmp	.LBB1
.LBB2:
	movq	%r15, %rdi
	andq	%r13, %rdi
	movq	136(%rbx), %rax
	movl	(%rax,%rdi), %esi
	#MEMBARRIER
	leaq	15(%rsi), %rax
	andq	$-8, %rax
	movq	%rcx, %r12
	subq	%rax, %r12
	jae	.LBB13
	testl	%esi, %esi
	js	.LBB7
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %rcx
	jb	.LBB7
	incq	40(%rbx)
	addq	%rsi, %r15
	subq	%rsi, %rcx
	jne	.LBB2
	jmp	.LBB6
.LBB13:
	addq	%rax, %r15
.LBB14:
	addq	136(%rbx), %rdi
	incq	%r14
	addq	$8, %rdi
	callq	*%rbp
	movq	%r12, %rcx
.LBB1:
	testq	%rcx, %rcx
	jne	.LBB2
.LBB6:
	xorl	%ecx, %ecx
.LBB7:
	movq	%rsp, %rdi
	movq	%rbx, %rsi
	movq	%r15, %rdx
	movq	%r14, %r8
	callq	*step@GOTPCREL(%rip)
	movq	(%rsp), %r15
	movq	8(%rsp), %r12
	cmpq	$4, 24(%rsp)
	jne	.LBB9
	movl	32(%rsp), %esi
	movq	16(%rsp), %rdi
	andq	%r13, %rdi
	jmp	.LBB14
.LBB9:
	movq	%r15, 80(%rbx)
	addq	32(%rbx), %r12
	movq	%r12, 88(%rbx)
	addq	%r14, 64(%rbx)
	movq	40(%rbx), %rax
	movq	96(%rbx), %rdx
	addq	%rax, 72(%rbx)
	movzbl	148(%rbx), %ecx
	movq	%r15, %rsi
	subq	%rdx, %rsi
	movq	%rcx, %rdi
	negq	%rdi
	movl	$4294967295, %eax
	orq	%rdi, %rax
	andq	%rax, %rsi
	cmpq	104(%rbx), %rsi
	jb	.LBB17
	andq	%r15, %rax
	cmpq	%rax, %rdx
	je	.LBB17
	movq	120(%rbx), %rdx
	testb	%cl, %cl
	je	.LBB15
	movq	%rax, (%rdx)
	jmp	.LBB16
.LBB15:
	movl	%r15d, (%rdx)
.LBB16:
	movq	%rax, 96(%rbx)
.LBB17:
	movq	%r14, %rax
	addq	$56, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
