# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
each_rust:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	subq	$120, %rsp
	movq	%rdi, %r14
	movq	376(%rdi), %r13
	movl	352(%rdi), %eax
	testl	%eax, %eax
	je	.LBB41
	movq	360(%r14), %rdx
	leaq	472(%r14), %rcx
	movq	%rcx, 48(%rsp)
	movzbl	356(%r14), %ecx
	movq	%rdx, 40(%rsp)
	movq	$0, 16(%rsp)
	movq	%r13, 24(%rsp)
.LBB2:
	cmpb	$0, (%r14)
	movl	$0, %esi
	je	.LBB4
	movq	8(%r14), %rsi
.LBB4:
	movq	416(%r14), %rdi
	andb	$1, %cl
	movq	%rdx, %r8
	subq	%rdi, %r8
	negb	%cl
	movl	$0, %r9d
	sbbq	%r9, %r9
	movl	$4294967295, %ecx
	orq	%rcx, %r9
	andq	%r8, %r9
	movl	%eax, %r10d
	movq	496(%r14), %r8
	movq	%r8, %rax
	movq	%r8, %rcx
	movq	%r10, 8(%rsp)
	cmpq	%r10, %r9
	ja	.LBB6
	movq	408(%r14), %rcx
	movq	%rdi, %rax
.LBB6:
	ja	.LBB8
	movdqu	392(%r14), %xmm0
	jmp	.LBB9
.LBB8:
	movq	%r8, %xmm0
	pshufd	$68, %xmm0, %xmm0
.LBB9:
	movdqu	%xmm0, 392(%r14)
	movq	%rcx, 408(%r14)
	movq	%rax, 416(%r14)
	movq	368(%r14), %rax
	movq	%rax, 456(%r14)
	movq	$0, 464(%r14)
	movq	48(%rsp), %rax
	pcmpeqd	%xmm0, %xmm0
	movdqu	%xmm0, (%rax)
	movq	%rsi, 488(%r14)
	movq	344(%r14), %rbx
	leaq	64(%rsp), %rdi
	movq	%r14, %rsi
	xorl	%ecx, %ecx
	xorl	%r8d, %r8d
	callq	*step@GOTPCREL(%rip)
	movq	64(%rsp), %r15
	movq	72(%rsp), %r12
	movq	%r14, %rdx
	movq	88(%rsp), %r14
	movl	96(%rsp), %ebp
	movq	%r14, %rax
	subq	$7, %rax
	movl	$4, %ecx
	cmovbq	%rcx, %rax
	leaq	.LJTI0(%rip), %rcx
	movslq	(%rcx,%rax,4), %rax
	addq	%rcx, %rax
	jmpq	*%rax
.LBB10:
	movq	%rdx, %r14
	movq	%rdx, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	xorl	%ecx, %ecx
	callq	*end_batch@GOTPCREL(%rip)
	jmp	.LBB13
.LBB11:
	movq	%rdx, %rbx
	movq	%rdx, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	xorl	%ecx, %ecx
	callq	*end_batch@GOTPCREL(%rip)
	cmpq	$7, %r14
	movq	%rbx, %r14
	jne	.LBB41
	movzbl	%bpl, %eax
	cmpl	$3, %eax
	je	.LBB41
.LBB13:
	cmpb	$0, (%r14)
	jne	.LBB41
	movq	56(%r14), %rax
	cmpl	$3, %eax
	jne	.LBB41
	movq	360(%r14), %rbx
	cmpq	%rbx, 32(%rsp)
	sete	%al
	testb	%al, 16(%rsp)
	jne	.LBB41
	movq	%r14, %rdi
	callq	*arm@GOTPCREL(%rip)
	testb	%al, %al
	je	.LBB41
	movb	$1, %al
	movq	%rax, 16(%rsp)
	movq	%rbx, 32(%rsp)
	jmp	.LBB37
.LBB18:
	movq	%rdx, (%rsp)
	movq	8(%rsp), %r13
	addq	$-8, %r13
	movq	80(%rsp), %rcx
	movq	%r13, 8(%rsp)
	andq	%r13, %rcx
	leal	15(%rbp), %r14d
	andl	$-8, %r14d
	movl	$1, %r13d
	movl	%ebp, %eax
	jmp	.LBB20
.LBB19:
	addq	%rsi, %r15
	incq	%r13
	movq	%rdx, %r12
.LBB20:
	leaq	(%rbx,%rcx), %rdi
	addq	$8, %rdi
	movl	%eax, %esi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%r14, %r12
	movq	%r13, 56(%rsp)
	jb	.LBB23
.LBB21:
	movq	%r15, %rdi
	andq	8(%rsp), %rdi
	movl	(%rbx,%rdi), %eax
	#MEMBARRIER
	cmpl	%ebp, %eax
	jne	.LBB23
	addq	%rbx, %rdi
	addq	%r14, %r15
	subq	%r14, %r12
	incq	%r13
	addq	$8, %rdi
	movq	%rbp, %rsi
	callq	*on_sample@GOTPCREL(%rip)
	cmpq	%r14, %r12
	jae	.LBB21
.LBB23:
	testq	%r12, %r12
	je	.LBB34
	movq	%r13, %rax
	subq	56(%rsp), %rax
	cmpq	$7, %rax
	jbe	.LBB29
.LBB25:
	movq	%r15, %rcx
	andq	8(%rsp), %rcx
	movl	(%rbx,%rcx), %eax
	#MEMBARRIER
	leaq	15(%rax), %rsi
	movabsq	$8589934584, %rdx
	andq	%rdx, %rsi
	movq	%r12, %rdx
	subq	%rsi, %rdx
	jae	.LBB19
	testl	%eax, %eax
	js	.LBB39
	andl	$1073741823, %eax
	addl	$15, %eax
	andl	$-8, %eax
	cmpq	%rax, %r12
	jb	.LBB39
	movq	(%rsp), %rcx
	incq	464(%rcx)
	addq	%rax, %r15
	subq	%rax, %r12
	jne	.LBB25
	jmp	.LBB34
.LBB29:
	movq	%r15, %rax
	andq	8(%rsp), %rax
	movl	(%rbx,%rax), %esi
	#MEMBARRIER
	leaq	15(%rsi), %r14
	movabsq	$8589934584, %rcx
	andq	%rcx, %r14
	cmpq	%r14, %r12
	jb	.LBB31
	addq	%r14, %r15
	incq	%r13
	leaq	(%rbx,%rax), %rdi
	addq	$8, %rdi
	callq	*on_sample@GOTPCREL(%rip)
	subq	%r14, %r12
	jne	.LBB29
	jmp	.LBB34
.LBB31:
	testl	%esi, %esi
	js	.LBB39
	andl	$1073741823, %esi
	addl	$15, %esi
	andl	$-8, %esi
	cmpq	%rsi, %r12
	movq	(%rsp), %r14
	jb	.LBB36
	incq	464(%r14)
	addq	%rsi, %r15
	subq	%rsi, %r12
	jne	.LBB29
.LBB34:
	xorl	%r12d, %r12d
	movq	(%rsp), %r14
	jmp	.LBB36
.LBB35:
	xorl	%r13d, %r13d
	movq	%rdx, %r14
.LBB36:
	movq	%r14, %rdi
	movq	%r15, %rsi
	movq	%r12, %rdx
	movq	%r13, %rcx
	callq	*end_batch@GOTPCREL(%rip)
	movq	24(%rsp), %r13
.LBB37:
	movq	360(%r14), %rdx
	movzbl	356(%r14), %ecx
	testb	%cl, %cl
	movl	$4294967295, %eax
	movq	$-1, %rsi
	cmovneq	%rsi, %rax
	movq	%rdx, %rsi
	subq	40(%rsp), %rsi
	andq	%rax, %rsi
	movl	352(%r14), %eax
	cmpq	%rax, %rsi
	jb	.LBB2
	jmp	.LBB41
.LBB39:
	movq	(%rsp), %r14
	jmp	.LBB36
.LBB41:
	movq	%r14, %rdi
	callq	*give_back@GOTPCREL(%rip)
	movq	376(%r14), %rax
	subq	%r13, %rax
	addq	$120, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
